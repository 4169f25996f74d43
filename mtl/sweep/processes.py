"""How a worker process begins and ends, whatever it trains: its output, its signals, the process that started it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from mtl.config.process import set_process_defaults
from mtl.config.signals import exit_code, signals_interrupt
from mtl.config.system import usable_cores

GRACE = 20.0  # seconds that a worker has to end a run cleanly
POLL = 0.5  # seconds between two looks at what is left to do


@contextmanager
def worker_process(directory: Path) -> Iterator[None]:
    """Within this, the process is a worker: a signal interrupts it, and it ends with the process that started it.

    Args:
        directory: its output goes to ``worker-<process>.log`` there.

    Raises:
        SystemExit: it was interrupted between two runs; with the exit code of that.
    """
    log = os.open(directory / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    set_process_defaults()
    try:
        with signals_interrupt():
            _block_interrupts(False)
            yield
    except KeyboardInterrupt as error:
        raise SystemExit(exit_code(error)) from None


def start_worker(process: BaseProcess) -> None:
    """Start a process whose function runs within :func:`worker_process`.

    Ctrl-C, which a terminal sends to all processes, waits until the new one handles it: before that, Python would print
    where in the imports it was. The program itself is not imported there: a script or a notebook need not be made for
    it, nor be a file at all.
    """
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # the first process of the program would start it, which ends what is blocked
    _block_interrupts(True)
    try:
        with _without_main_module():
            process.start()
    finally:
        _block_interrupts(False)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Within this, a new process finds no main module that it would run again to have its functions.

    What a worker calls is in modules of their own. A script that starts a comparison without asking for its
    ``__name__`` would start another one in each worker, and a program that Python reads from its input cannot be found.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _block_interrupts(blocked: bool) -> None:
    """Whether Ctrl-C waits, in this thread and in the processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK if blocked else signal.SIG_UNBLOCK, {signal.SIGINT})


def exit_with_parent() -> None:
    """Wait until the process that started this one is gone, then end this one, cleanly where that is soon done."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)


def end_all(processes: Sequence[BaseProcess]) -> None:
    """End workers cleanly, and those that do not end in time at once."""
    for one in processes:
        one.terminate()  # what it trains is left interrupted, with its last checkpoint
    limit = time.monotonic() + GRACE
    for one in processes:
        one.join(max(0.0, limit - time.monotonic()))
        one.kill()  # nothing, where it has ended
        one.join()


def threads_each(workers: int) -> int:
    """Threads of each of so many processes: together they use every core once, each at most 4, as in a single run."""
    return max(1, min(4, usable_cores() // max(workers, 1)))
