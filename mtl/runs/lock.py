"""The lock of a run: a file that says who is at it, touched every few seconds while they are."""

import hashlib
import json
import os
import socket
import stat
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from mtl.config.signals import interrupt_this_process
from mtl.config.system import boot_and_namespace
from mtl.errors import InputError
from mtl.runs.files import read_json_if_whole, remove_partial_files

LOCK = "lock"  # its name in the directory of a run
CLOCK = ".clock"  # beside it, a file that is touched to read the clock by which locks are marked
HEARTBEAT = 5.0  # seconds between two touches of a lock
STALE = 120.0  # a lock of another machine is dead when it was not touched for so many seconds
POLL = 0.1  # seconds between two looks at the lock of a process that may have died
TOLERANCE = 5.0  # seconds by which readings of one start time may differ; far fewer than until a number is used again


def describe_this_process() -> dict[str, Any]:
    """What a lock of this process holds."""
    pid = os.getpid()
    return {"token": uuid.uuid4().hex, "machine": machine_id(), "pid": pid, "started": start_time(pid)}


def create_lock(lock: Path, text: str) -> bool:
    """Write a lock that is not there yet, whole and in one step.

    Where locks of the operating system do not reach other machines, as on some network file systems, of two that want a
    new run still one gets it.

    Args:
        lock: its path.
        text: what it holds.

    Returns:
        False if there is one already.
    """
    partial = lock.with_name(f".{lock.name}.{uuid.uuid4().hex}")
    partial.write_text(text, encoding="utf-8")
    try:
        os.link(partial, lock)
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    return True


def is_of_lock(name: str) -> bool:
    """Whether a file in the directory of a run is its lock, or was written to make, judge or remove one."""
    return name in (LOCK, CLOCK) or name.startswith((f".{LOCK}.", f"{LOCK}-"))


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Within this, no other process trains the run in a directory; the lock of a dead process is taken over.

    Args:
        directory: of the run.

    Raises:
        InputError: somebody alive is at it, or no file can be made there.
    """
    lock, mine = directory / LOCK, describe_this_process()
    text = json.dumps(mine)
    try:
        while not create_lock(lock, text):
            _remove_dead(lock, directory)
    except OSError as error:
        raise InputError(f"cannot make a lock in '{directory}': {error.strerror}") from None
    try:
        remove_partial_files(directory)
        with heartbeat(lock, mine["token"], f"run '{directory}'"):
            yield
    finally:
        if read_json_if_whole(lock).get("token") == mine["token"]:
            lock.unlink(missing_ok=True)


def check_free(directory: Path) -> None:
    """Raise InputError if somebody alive trains the run in a directory."""
    _dead_holder(directory / LOCK, directory)


def wait_until_left(directory: Path) -> None:
    """Wait until the lock of a run counts as that of a dead process; no longer where its process is seen to live.

    A process of another machine has several locks, which it touched last at moments of their own: one of them counts as
    dead some seconds before another.

    Args:
        directory: of the run.
    """
    lock = directory / LOCK
    with suppress(FileNotFoundError):
        touched = lock.stat().st_mtime
        while lock.stat().st_mtime == touched and is_alive(holder_of(lock), lock):
            time.sleep(POLL)


def holder_of(lock: Path) -> dict[str, Any]:
    """What a lock holds; empty if there is none, or it is damaged.

    Of one that cannot be read just now, as on a network file system that is away for a moment, the machine is unknown:
    its process is alive as long as the lock is touched.
    """
    try:
        found = json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError:
        return {"machine": None}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dead_holder(lock: Path, directory: Path) -> dict[str, Any]:
    """What a lock holds, of which nobody is alive; empty if there is none.

    InputError if its process lives, or in its place is what no process has written.
    """
    with suppress(OSError):  # there is none, or it cannot be looked at just now
        if not stat.S_ISREG(lock.lstat().st_mode):
            raise InputError(f"'{lock}' is no file, so it cannot be said who trains the run: remove it")
    holder = holder_of(lock)
    if holder and is_alive(holder, lock):
        machine = str(holder.get("machine") or "").partition(" ")[0]
        who = f"by process {holder.get('pid')} on '{machine}'" if machine else "by a process whose lock cannot be read"
        raise InputError(f"run '{directory}' is being trained {who}")
    return holder


def _remove_dead(lock: Path, directory: Path) -> None:
    """Remove the lock of a dead process. InputError if its process lives.

    Whoever removes it holds a second lock, named after the first: else of two that find it dead, the slower one could
    remove the lock that the faster one has made in the meantime.
    """
    holder = _dead_holder(lock, directory)
    dead = holder.get("token")
    removal = lock.with_name(f"{LOCK}-{hashlib.sha256(str(dead).encode()).hexdigest()[:16]}")
    if not create_lock(removal, ""):
        with suppress(FileNotFoundError):
            if time.time() - removal.stat().st_mtime > STALE:  # its process has died, too
                removal.unlink()
        time.sleep(0.01)
        return
    try:
        if lock.is_file() and holder_of(lock) == holder:
            lock.unlink()
    finally:
        removal.unlink(missing_ok=True)


@contextmanager
def heartbeat(lock: Path, token: str, what: str) -> Iterator[None]:
    """Touch the lock every few seconds; a process that has lost it to another one interrupts itself.

    To other machines, a process that did nothing for long, such as that of a machine which was asleep, is dead.

    Args:
        lock: its path.
        token: that it holds.
        what: is locked, as a person knows it.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            if lost(lock, token):
                sys.stderr.write(f"{what} was taken over by another process, while this one did nothing for long\n")
                interrupt_this_process()
                return
            with suppress(OSError):
                os.utime(lock)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def lost(lock: Path, token: str) -> bool:
    """Whether a lock is not the one with this token any more. One that cannot be read just now may still be."""
    holder = read_json_if_whole(lock)
    if holder:
        return holder.get("token") != token
    return not lock.exists() and lock.parent.is_dir()


def is_alive(holder: Mapping[str, Any], lock: Path) -> bool:
    """Whether whoever wrote a lock still works: on this machine by process and start time, else by heartbeat."""
    if holder.get("machine") == machine_id():
        return is_running(holder.get("pid"), holder.get("started"))
    clock = lock.with_name(CLOCK)
    try:
        clock.touch()  # by the clock that also marks the locks: those of two machines may disagree
        now = clock.stat().st_mtime
    except OSError:  # of somebody whose files may be read alone
        now = time.time()
    try:
        return now - lock.stat().st_mtime < STALE
    except FileNotFoundError:
        return False


def is_running(pid: Any, started: Any) -> bool:
    """Whether a process of this machine lives: numbers are used again, so the start time has to agree."""
    if not isinstance(pid, int) or not isinstance(started, int | float):
        return False
    now = start_time(pid)
    return now is not None and abs(now - started) < TOLERANCE


def start_time(pid: int) -> float | None:
    """When a process started, in seconds; None if there is none, or only the remains of one.

    On Linux since the start of the machine, because there the system's clock, when it is set, moves all start times.
    """
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return float(process.create_time()) - boot
    except (psutil.NoSuchProcess, ValueError):  # numbers below 0 are no processes
        return None


@cache
def machine_id() -> str:
    """Where a process number means something: host name, and on Linux also this boot and this namespace of processes.

    Machines and containers may share a name, and then a process that is missing here may well be alive there.
    """
    return " ".join((socket.gethostname(), *boot_and_namespace()))
