"""The sweep ledger: which runs are done, failed, under way or to do; kept in files, so it outlives its processes.

``<output>/ledger/`` holds, by key (run id and data fingerprint)::

    <key>.json     the attempt: its run directory, how often its process died, the error if it failed
    <key>.lock     who is working on it: machine, process, its start time; touched every few seconds

A run is done when its run directory has a result of the same data, whoever made it; so runs of a plain ``train.py``
count, and nothing has to be kept in step. All files are written whole or not at all.
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.directory import Run, finished, run_path
from mtl.runs.files import write_text
from mtl.runs.identity import run_id

HEARTBEAT = 5.0  # seconds between two touches of a lock
STALE = 120.0  # a lock of another machine is dead when it was not touched for so long
DEATHS = 3  # processes that may die over one run before it counts as failed

PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"


@dataclass(frozen=True)
class Entry:
    """One run to do.

    Attributes:
        config: its resolved config.
        fingerprint: of its data.
    """

    config: RunConfig
    fingerprint: str

    @property
    def key(self) -> str:
        """Its name in the ledger."""
        return f"{run_id(self.config)}-{self.fingerprint[:8]}"


class Ledger:
    """The ledger of one output directory. Any number of processes may use it at once.

    Args:
        output: the directory that holds ``runs/``.

    Raises:
        InputError: it cannot be written.
    """

    def __init__(self, output: str | Path) -> None:
        self.output = Path(output)
        self.path = self.output / "ledger"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output={self.output}: cannot be written ({error.strerror})") from None
        self._done: dict[str, Run] = {}

    def done(self, entry: Entry) -> Run | None:
        """The finished run that answers this entry, if there is one."""
        if entry.key not in self._done:
            for run in map(Run, finished(run_path(entry.config.changed(output=str(self.output))))):
                with suppress(InputError):  # unfinished or damaged: not an answer
                    if run.result.data.fingerprint == entry.fingerprint:
                        self._done[entry.key] = run
                        break
        return self._done.get(entry.key)

    def state(self, entry: Entry) -> str:
        """pending, running, done or failed."""
        if self.done(entry):
            return DONE
        holder = self.holder(entry)
        if holder and alive(holder, self._lock(entry)):
            return RUNNING
        return FAILED if "error" in self.attempt(entry) else PENDING

    def attempt(self, entry: Entry) -> dict[str, Any]:
        """What is known of the last attempt; empty before the first or when the file is damaged."""
        return read_json(self._attempt(entry))

    def holder(self, entry: Entry) -> dict[str, Any]:
        """Who holds the lock; empty if nobody does."""
        return read_json(self._lock(entry))

    def _attempt(self, entry: Entry) -> Path:
        return self.path / f"{entry.key}.json"

    def _lock(self, entry: Entry) -> Path:
        return self.path / f"{entry.key}.lock"

    def forget_failure(self, entry: Entry) -> None:
        """A failed run is to be tried again, from the start, in a directory of its own."""
        with self._mutex():
            if "error" in self.attempt(entry):
                self._attempt(entry).unlink()

    def fail(self, entry: Entry, error: str, trace: str = "") -> None:
        """Record that the run failed, and why."""
        self._write(entry, {**self.attempt(entry), "error": error, "trace": trace})

    def remember(self, entry: Entry, run: Run) -> None:
        """Write down the directory of the attempt."""
        self._write(entry, {**self.attempt(entry), "run": str(run.path.resolve())})

    def _write(self, entry: Entry, values: Mapping[str, Any]) -> None:
        write_text(self._attempt(entry), json.dumps(values, indent=2) + "\n")

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        """Claims follow one another, so that two that find a dead lock do not both take it over."""
        with (self.path / ".mutex").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file unlocks it, also when the process dies

    @contextmanager
    def claim(self, entry: Entry) -> Iterator["Claim | None"]:
        """The right to do a run while the context lasts; None if it is done, failed, or somebody alive is at it."""
        lock, token = self._lock(entry), uuid.uuid4().hex
        with self._mutex():
            mine = {"token": token, "machine": machine(), "pid": os.getpid(), "started": started(os.getpid())}
            granted = self._may_start(entry) and created(lock, json.dumps(mine))
        if not granted:
            yield None
            return
        with heartbeat(lock):
            try:
                yield Claim(self, entry)
            finally:
                with self._mutex():
                    if self.holder(entry).get("token") == token:
                        lock.unlink()

    def _may_start(self, entry: Entry) -> bool:
        """Whether nobody is at it and it is still to do; the lock of a dead process is removed."""
        attempt = self.attempt(entry)
        if self.done(entry) or "error" in attempt:
            if not alive(self.holder(entry), self._lock(entry)):  # it died between the result and the end
                self._lock(entry).unlink(missing_ok=True)
            return False
        if not self._lock(entry).is_file():
            return True
        holder = self.holder(entry)
        if holder and alive(holder, self._lock(entry)):
            return False
        deaths = int(attempt.get("deaths", 0)) + 1
        self._write(entry, {**attempt, "deaths": deaths})
        self._lock(entry).unlink(missing_ok=True)
        if deaths < DEATHS:
            return True
        self.fail(entry, f"the process that trained it died {deaths} times (out of memory?)")
        return False


@dataclass(frozen=True)
class Claim:
    """The right to do one run."""

    ledger: Ledger
    entry: Entry

    def unfinished(self) -> Run | None:
        """The directory of an attempt whose process died, to go on from."""
        path = Path(self.ledger.attempt(self.entry).get("run", ""))
        return Run(path) if path.name and path.is_dir() and not (path / "result.json").is_file() else None

    def discard(self) -> None:
        """Remove what a dead attempt left, when nothing can be gone on from."""
        dead = self.unfinished()
        if dead is not None:
            shutil.rmtree(dead.path)

    def began(self, run: Run) -> None:
        """Remember the directory, so that whoever comes after a crash finds it."""
        self.ledger.remember(self.entry, run)


@contextmanager
def heartbeat(lock: Path) -> Iterator[None]:
    """Touch the lock every few seconds."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            with suppress(OSError):
                os.utime(lock)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def created(lock: Path, text: str) -> bool:
    """Write a lock that is not there yet, whole and in one step; False if there is one. Where locks of files do not
    reach other machines, as on some network file systems, of two that want a new run still one gets it.
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


def alive(holder: Mapping[str, Any], lock: Path) -> bool:
    """Whether whoever wrote a lock still works: on this machine by process and start time, else by heartbeat."""
    if holder.get("machine") == machine():
        return started(int(holder.get("pid", 0))) == holder.get("started") != ""
    clock = lock.with_name(".clock")
    clock.touch()  # by the clock that also marks the locks: those of two machines may disagree
    try:
        return clock.stat().st_mtime - lock.stat().st_mtime < STALE
    except FileNotFoundError:
        return False


@cache
def machine() -> str:
    """Where a process number means something: host name, and on Linux also this boot and this namespace of processes.

    Machines and containers may share a name, and then a process that is missing here may well be alive there.
    """
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def started(pid: int) -> str:
    """When a process started, in whatever unit the system has; empty if there is none. Numbers are used again."""
    if Path("/proc/self/stat").is_file():
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        fields = text.rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty if there is no such file or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
