"""What ends a program from outside: a signal, which does what Ctrl-C does and says which it was, and a time limit."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

# Ctrl-C, the end of a job's time or of a machine, a closed terminal, and what batch systems send before they preempt
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))  # Windows has the first two
AGAIN = 0.05  # seconds until a signal that was lost is sent again
JUST = 5.0  # seconds by which a handler may have been called before it is seen that the signal came
EXIT_TIME_LIMIT = 124  # as the command "timeout" has it


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


class Heard:
    """When a handler of this module was called last, in seconds of the monotonic clock, and for which signal."""

    at = float("-inf")
    signum: int = signal.SIGINT


class TimeLimitReached(KeyboardInterrupt):
    """The time that a training was given is over."""


def exit_code(error: BaseException) -> int:
    """The exit code for an error that ends a program.

    Args:
        error: a KeyboardInterrupt, or the SystemExit that came of one or that another program's handler of a signal
            raised.

    Returns:
        128 and the number of the signal that led to it, as shells have it; of a plain Ctrl-C that of SIGINT; of a time
        limit 124; the code of a SystemExit that nothing of these led to.
    """
    cause: BaseException | None = error
    code = error.code if isinstance(error, SystemExit) else None
    while cause is not None:
        if isinstance(cause, TimeLimitReached):
            return EXIT_TIME_LIMIT
        if isinstance(cause, Interrupted):
            return 128 + cause.signum
        if isinstance(cause, KeyboardInterrupt):
            code = None
        cause = cause.__context__
    return code if isinstance(code, int) else 128 + signal.SIGINT


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Within this, a signal that asks the program to end raises :class:`Interrupted`.

    One that is ignored stays so, and so does a handler of the program around this one, such as submitit's, which has a
    job that is preempted started again. Outside of the main thread, where Python sets no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, hook = {signum: signal.getsignal(signum) for signum in SIGNALS}, sys.unraisablehook
    sys.unraisablehook = partial(_raise_later, hook)
    for signum, handler in before.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(signum, _interrupt)
    try:
        with interruptions_prevail():
            yield
    finally:
        sys.unraisablehook = hook
        for signum, handler in before.items():
            if handler is not None:
                signal.signal(signum, handler)


@contextmanager
def interruptions_prevail() -> Iterator[None]:
    """Within this, an error that came of an interruption is that interruption.

    A library in whose midst a signal comes may fail at what it does in the end, and so raise an error of its own in the
    place of :class:`Interrupted`: OmegaConf does, where it is filling a list.
    """
    try:
        yield
    except Exception as error:
        interruption = interruption_behind(error)
        if interruption is None:
            raise
        raise interruption from None


def interruption_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interruption that was being handled when an error came; None if there was none."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


@contextmanager
def interruptions_are_ours() -> Iterator[None]:
    """Within this, a plain KeyboardInterrupt is :class:`Interrupted` by the signal that was just heard.

    Ray raises one in the place of what a handler raises, so that nothing would say which signal it was.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, Interrupted) or Heard.at < time.monotonic() - JUST:
            raise
        raise Interrupted(Heard.signum) from None


@contextmanager
def signals_end_what_waits(seconds: float = 20.0) -> Iterator[None]:
    """Within this, a signal that a library does not let through for so long ends the program at once.

    Python calls a handler when a library's code returns. What PyTorch does to find the other processes of a training
    returns after half an hour, if one of them is gone.

    Args:
        seconds: until then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)  # the system writes each signal's number here
    threading.Thread(target=_end_what_waits, args=(reading, seconds), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)


def _end_what_waits(reading: int, seconds: float) -> None:
    """End the program where the handler of a signal was not called in time; returns when nothing can be read more."""
    while number := os.read(reading, 1):
        came = time.monotonic()
        while signal.getsignal(number[0]) is _interrupt and Heard.at < came - JUST:
            if time.monotonic() > came + seconds:
                sys.stderr.write("interrupted\n")
                sys.stderr.flush()
                os._exit(128 + number[0])
            time.sleep(AGAIN)
    os.close(reading)


@contextmanager
def interrupt_ends_at_once() -> Iterator[None]:
    """Within this, Ctrl-C ends the program as the system does, without a word.

    For the imports of a program, which take seconds: Python would print where in them it was.
    """
    python_asks = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not python_asks or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _raise_later(hook: Callable[[Any], Any], unraisable: Any) -> None:
    """Send a signal again that came in a place where no exception can be raised, such as a destructor."""
    if isinstance(unraisable.exc_value, Interrupted):
        _send_again(unraisable.exc_value.signum)
    else:
        hook(unraisable)


def _send_again(signum: int) -> None:
    again = threading.Timer(AGAIN, os.kill, (os.getpid(), signum))
    again.daemon = True
    again.start()


def interrupt_this_process() -> None:
    """Do what SIGTERM does, by another signal where a program around this one, such as submitit, keeps that one."""
    heard = [signum for signum in (signal.SIGTERM, *SIGNALS) if signal.getsignal(signum) is _interrupt]
    os.kill(os.getpid(), heard[0] if heard else signal.SIGTERM)


def ignore_signals() -> None:
    """Let what is being written when a program ends be written; whoever cannot wait has SIGKILL."""
    if threading.current_thread() is threading.main_thread():
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_IGN)


def _interrupt(signum: int, frame: FrameType | None) -> Any:
    Heard.at, Heard.signum = time.monotonic(), signum
    above = frame
    while above is not None:
        if above.f_code is _raise_later.__code__:  # nothing can be raised there either
            return _send_again(signum)
        above = above.f_back
    raise Interrupted(signum)
