"""What a worker of a test does, in a module that is quickly imported."""

import os
import signal
from pathlib import Path
from typing import Any

from mtl.sweep.stop_flag import StopFlag
from mtl.sweep.worker_pool import WorkerPool


def write_process(path: Path, stop: Any) -> None:
    """Write down which process did it, and whether it was told to end."""
    path.write_text(f"{os.getpid()} {stop.is_set()}")


def end_process(*_: object, **__: object) -> None:
    os._exit(1)


def set_flag(stop: StopFlag) -> None:
    stop.set()


def be_killed(path: Path) -> None:
    """Start a worker and die at once, as where memory runs out."""
    pool = WorkerPool(path)
    pool.give(write_process, path / "never")
    os.kill(os.getpid(), signal.SIGKILL)
