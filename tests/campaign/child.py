"""Programs of the project in processes of their own, forked from one that has imported everything."""

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MEMORY = 12 << 30  # bytes of address space: what asks for more is refused by the system, as on a smaller machine
POLL = 0.02  # seconds between two looks at a process


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: exit code; of a signal its negative number; None: it was killed, since it did not end in time.
        out: what it wrote to standard output.
        err: what it wrote to the error stream.
        seconds: until then.
        ending: seconds from the first signal that it was sent until then; 0 where it had ended before.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    ending: float = 0.0


class Child:
    """A process under way.

    Args:
        pid: its number; it leads a session of its own.
        place: its directory, which holds ``stdout`` and ``stderr``.
    """

    def __init__(self, pid: int, place: Path) -> None:
        self.pid, self.place, self.began = pid, place, time.monotonic()
        self.code: int | None = None
        self.sent: float | None = None  # when it was sent the first signal
        self.stopped: float | None = None  # when it was seen to have ended

    def ended(self) -> bool:
        """Whether it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code, self.stopped = os.waitstatus_to_exitcode(status), time.monotonic()
        return self.code is not None

    def send(self, signum: int, *, to_all: bool = False) -> None:
        """Send it a signal, or also all that it has started, as a terminal does; nothing if it has ended."""
        if not self.ended():
            self.sent = self.sent or time.monotonic()
            (os.killpg if to_all else os.kill)(self.pid, signum)

    def kill(self) -> None:
        """End it and all that it has started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def wait(self, seconds: float) -> Ended:
        """Wait until it ends, at most so long from now."""
        limit = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < limit:
            time.sleep(POLL)
        code, now = self.code, self.stopped or time.monotonic()
        self.kill()
        while not self.ended():
            time.sleep(POLL)
        texts = [(self.place / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr")]
        return Ended(code, *texts, now - self.began, now - (self.sent or now))


def start(
    program: Callable[[], object],
    place: Path,
    environment: Mapping[str, str | None] = {},
    out: Path | None = None,
) -> Child:
    """Run a function as the program of a new process, as the interpreter would run a file.

    Args:
        program: what to run.
        place: the working directory, made if it is missing; output goes to ``stdout`` and ``stderr`` there.
        environment: variables to set, or with None to remove.
        out: where standard output goes instead.

    Returns:
        The process.
    """
    place.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(pid, place)
    code = 1
    try:
        _become_program(place, environment, out)
        program()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        _flush_and_exit(code)


def _become_program(place: Path, environment: Mapping[str, str | None], out: Path | None) -> None:
    """Streams, signals, limits and variables as of a process that a shell has started."""
    os.setsid()
    sys.modules["__main__"].__spec__ = None  # by which Lightning would start further processes
    os.chdir(place)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, target in ((1, out or place / "stdout"), (2, place / "stderr")):
        os.dup2(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    (place / "stdout").touch()
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(OSError, ValueError):  # macOS takes no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _flush_and_exit(code: int) -> None:
    """End without the parts of the interpreter's end that a forked process must not go through."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        code = code or 120  # as the interpreter has it where standard output cannot be written
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)
