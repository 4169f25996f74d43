"""What ends a program from outside is raised once, wherever it comes, and says how the program ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from mtl.config.signals import (
    SIGNALS,
    Interrupted,
    TimeLimitReached,
    exit_code,
    interrupt_ends_at_once,
    interrupt_this_process,
    interruptions_are_ours,
    interruptions_prevail,
    signals_interrupt,
)
from mtl.errors import InputError


@pytest.fixture(autouse=True)
def _nothing_ignored() -> Iterator[None]:
    """Signals as in a terminal, also where the tests run in the background, which ignores some."""
    before = {one: signal.signal(one, signal.SIG_DFL) for one in SIGNALS}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def test_the_exit_code_says_what_ended_the_program() -> None:
    """Also where a library has made a SystemExit of it; one that nothing led to keeps its own."""
    causes = {
        Interrupted(signal.SIGTERM): 128 + signal.SIGTERM,
        KeyboardInterrupt(): 128 + signal.SIGINT,
        TimeLimitReached(): 124,
    }
    for cause, code in causes.items():
        assert exit_code(cause) == code
        later = SystemExit(1)
        later.__context__ = cause
        assert exit_code(later) == code
    assert exit_code(SystemExit(144)) == 144


def test_a_signal_in_a_destructor_is_not_lost() -> None:
    """Python raises no exception there, and would only print it."""

    class Slow:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGUSR1)

    def use() -> None:
        Slow()
        time.sleep(10)

    with pytest.raises(Interrupted), signals_interrupt():
        use()


@contextmanager
def failing_end() -> Iterator[None]:
    """As a library's, which does not expect an end where it is."""
    try:
        yield
    finally:
        raise AttributeError("nothing is there")


def test_an_error_that_came_of_a_signal_is_the_signal() -> None:
    """Whatever was made of it on the way."""

    def work() -> None:
        try:
            with failing_end():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
        except AttributeError as error:
            raise InputError("seed=0: expected something else") from error

    with pytest.raises(Interrupted) as stop, signals_interrupt():
        work()
    assert stop.value.signum == signal.SIGTERM
    with pytest.raises(AttributeError), interruptions_prevail(), failing_end():
        pass


def test_a_handler_of_the_program_around_stays() -> None:
    """As submitit's, which has a job that is preempted started again."""
    seen = []
    signal.signal(signal.SIGUSR2, lambda signum, frame: seen.append(signum))
    with signals_interrupt():
        os.kill(os.getpid(), signal.SIGUSR2)
    assert seen == [signal.SIGUSR2]


def test_a_process_interrupts_itself_also_where_sigterm_is_another_programs() -> None:
    """As in a job of submitit, which passes over that signal."""
    signal.signal(signal.SIGTERM, lambda *_: None)

    def end() -> None:
        interrupt_this_process()
        time.sleep(10)

    with pytest.raises(Interrupted), signals_interrupt():
        end()


def test_ctrl_c_ends_imports_without_a_word() -> None:
    """And only what Python itself would have done is changed: where it is ignored, it stays so."""
    for before, within in [
        (signal.default_int_handler, signal.SIG_DFL),
        (signal.SIG_IGN, signal.SIG_IGN),
        (signal.SIG_DFL, signal.SIG_DFL),
    ]:
        signal.signal(signal.SIGINT, before)
        with interrupt_ends_at_once():
            assert signal.getsignal(signal.SIGINT) == within
        assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.skipif(sys.platform != "linux", reason="locks of other systems begin otherwise")
@pytest.mark.parametrize("heard", [False, True])
def test_a_signal_that_a_library_does_not_let_through_ends_the_program(heard: bool) -> None:
    """Here the library is a function of C that waits for ever; what is heard has the time that it takes."""
    waiting = "time.sleep(60)" if heard else "lock(mutex), lock(mutex)"
    program = f"""
import ctypes, os, signal, threading, time
from mtl.config.signals import Interrupted, signals_end_what_waits, signals_interrupt
lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
with signals_interrupt(), signals_end_what_waits(0.2):
    try:
        {waiting}
    except Interrupted:
        time.sleep(0.5)
        raise SystemExit(3) from None
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stderr) == ((3, "") if heard else (128 + signal.SIGTERM, "interrupted\n"))


def test_an_interruption_of_a_library_is_by_the_signal_that_was_heard() -> None:
    """Ray raises a plain KeyboardInterrupt in the place of what a handler raises."""
    with signals_interrupt(), suppress(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted) as stop, interruptions_are_ours():
        raise KeyboardInterrupt
    assert exit_code(stop.value) == 128 + signal.SIGTERM
