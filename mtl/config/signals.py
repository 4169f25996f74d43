"""What ends a program from outside: every signal that asks for it does what Ctrl-C does, and says which one it was."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Ctrl-C, the end of a job's time or of a machine, a closed terminal, and what batch systems send before they preempt
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))  # Windows has the first two


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end.

    Args:
        signum: which one.

    Attributes:
        signum: the same.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.signum = signum


def exit_code(error: BaseException) -> int:
    """128 and the number of the signal that led to an error, as shells have it; of a plain Ctrl-C that of SIGINT."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Interrupted):
            return 128 + cause.signum
        cause = cause.__context__
    return 128 + signal.SIGINT


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Within this, a signal that asks the program to end raises :class:`Interrupted`; one that is ignored stays so.

    Outside of the main thread, where Python sets no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    for signum, handler in before.items():
        if handler not in (signal.SIG_IGN, None):  # None: it was not set from Python
            signal.signal(signum, _interrupt)
    try:
        yield
    finally:
        for signum, handler in before.items():
            if handler is not None:
                signal.signal(signum, handler)


def ignore_signals() -> None:
    """Let what is being written when a program ends be written; whoever cannot wait has SIGKILL."""
    if threading.current_thread() is threading.main_thread():
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)


def _interrupt(signum: int, frame: FrameType | None) -> Any:
    raise Interrupted(signum)
