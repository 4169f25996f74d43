"""What a worker of a test does, in a module that is quickly imported."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from mtl.sweep.stop_flag import StopFlag
from mtl.sweep.worker_pool import WorkerPool

MOST = 60.0  # seconds


def write_process(path: Path, stop: Any) -> None:
    """Write down which process did it, and whether it was told to end."""
    path.write_text(f"{os.getpid()} {stop.is_set()}")


def meet(own: Path, other: Path, stop: Any) -> None:
    """Write one file and wait for the other, which another process has to write."""
    own.touch()
    limit = time.monotonic() + MOST
    while not other.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    if other.exists():
        own.with_suffix(".met").touch()


def work_long(begun: Path, interrupted: Path, stop: Any) -> None:
    """Work until this process is interrupted, and say so."""
    begun.touch()
    try:
        time.sleep(MOST)
    except KeyboardInterrupt:
        interrupted.touch()
        raise


def end_process(*_: object, **__: object) -> None:
    os._exit(1)


def set_flag(stop: StopFlag) -> None:
    stop.set()


def be_killed(path: Path) -> None:
    """Start a worker and die at once, as where memory runs out."""
    pool = WorkerPool(path)
    pool.give(write_process, path / "never")
    os.kill(os.getpid(), signal.SIGKILL)
