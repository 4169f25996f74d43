"""Run queue: which runs are done, failed, under way or to do; kept in files, so it outlives its processes.

``<output>/queue/`` holds, by key (hashes of the config and of the data)::

    <key>.json     the attempt: its run directory, how often its process died, the error if it failed
    <key>.lock     who is working on it: machine, process, its start time; touched every few seconds

A run is done when its run directory has a result of the same data, whoever made it; so runs of a plain ``train.py``
count, and nothing has to be kept in step. All files are written whole or not at all.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.attempts import attempt_file, queue_directory
from mtl.runs.checksums import checksums_of
from mtl.runs.directory import Run, finished, later_runs, run_path
from mtl.runs.files import read_json_if_whole, write_json
from mtl.runs.identity import run_id
from mtl.runs.lock import create_lock, describe_this_process, heartbeat, is_alive

DEATHS = 3  # processes that may die over one run without progress before it counts as failed

PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"


@dataclass(frozen=True)
class QueuedRun:
    """One run to do.

    Attributes:
        config: its resolved config.
        fingerprint: of its data.
    """

    config: RunConfig
    fingerprint: str

    @cached_property
    def key(self) -> str:
        """Its name in the queue."""
        return f"{run_id(self.config)}-{hashlib.sha256(self.fingerprint.encode()).hexdigest()[:8]}"


class RunQueue:
    """The runs of one output directory. Any number of processes may use it at once.

    Args:
        output: the directory that holds ``runs/``.

    Raises:
        InputError: it cannot be written.
    """

    def __init__(self, output: str | Path) -> None:
        self.output = Path(output)
        self.path = queue_directory(self.output)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output={self.output}: cannot be written ({error.strerror})") from None
        self._done: dict[str, Run] = {}
        self._first: dict[str, Path] = {}
        # Claims follow one another, so that two that find a dead lock do not both take it over
        self._mutex = FileLock(self.path / ".mutex")

    def done(self, entry: QueuedRun, later: Mapping[str, Sequence[str]] | None = None) -> Run | None:
        """The finished run that answers this entry, if there is one.

        Args:
            entry: the run.
            later: as for :func:`~mtl.runs.directory.finished`.

        Returns:
            The run.
        """
        if entry.key not in self._done:
            self._keep_answer(entry, finished(self.first_directory(entry), later))
        return self._done.get(entry.key)

    def _keep_answer(self, entry: QueuedRun, places: Iterable[Path]) -> None:
        for run in map(Run, places):
            with suppress(InputError):  # unfinished or damaged: not an answer
                if run.result.data.fingerprint == entry.fingerprint:
                    self._done[entry.key] = run
                    return

    def known(self, entry: QueuedRun) -> Run | None:
        """The finished run of an entry that was found to be done; no file is read."""
        return self._done.get(entry.key)

    def first_directory(self, entry: QueuedRun) -> Path:
        """Where the first attempt at a run goes; later ones stand beside it."""
        if entry.key not in self._first:
            self._first[entry.key] = run_path(entry.config.changed(output=str(self.output)))
        return self._first[entry.key]

    def states(self, entries: Sequence[QueuedRun]) -> list[str]:
        """The state of each of these runs; the folders that they are in are read once."""
        later: dict[Path, dict[str, list[str]]] = {}
        found = []
        for entry in entries:
            if entry.key in self._done:
                found.append(DONE)
                continue
            folder = self.first_directory(entry).parent
            if folder not in later:
                later[folder] = later_runs(folder)
            found.append(self.state(entry, later[folder]))
        return found

    def state(self, entry: QueuedRun, later: Mapping[str, Sequence[str]] | None = None) -> str:
        """pending, running, done or failed.

        Args:
            entry: the run.
            later: as for :func:`~mtl.runs.directory.finished`.

        Returns:
            One of them.
        """
        if self.done(entry, later):
            return DONE
        holder = self.holder(entry)
        if holder and is_alive(holder, self._lock(entry)):
            return RUNNING
        return FAILED if "error" in self.attempt(entry) else PENDING

    def attempt(self, entry: QueuedRun) -> dict[str, Any]:
        """What is known of the last attempt; empty before the first or when the file is damaged."""
        return read_json_if_whole(self._attempt(entry))

    def last_attempt(self, entry: QueuedRun) -> Run | None:
        """The directory of the last attempt; None if there was none, or what is written there is not of this run."""
        path = Path(self.attempt(entry).get("run", ""))
        first = self.first_directory(entry).resolve()
        ours = path.parent == first.parent and path.name.partition("-")[0] == first.name
        return Run(path) if ours and path.is_dir() else None

    def holder(self, entry: QueuedRun) -> dict[str, Any]:
        """Who holds the lock; empty if nobody does."""
        return read_json_if_whole(self._lock(entry))

    def _attempt(self, entry: QueuedRun) -> Path:
        return attempt_file(self.output, entry.key)

    def _lock(self, entry: QueuedRun) -> Path:
        return self.path / f"{entry.key}.lock"

    def forget_failure(self, entry: QueuedRun) -> None:
        """A failed run is to be tried again, from the start, in a directory of its own."""
        with self._mutex:
            if "error" in self.attempt(entry):
                self._attempt(entry).unlink()

    def fail(self, entry: QueuedRun, error: str, trace: str = "") -> None:
        """Record that the run failed, and why."""
        self._write(entry, {**self.attempt(entry), "error": error, "trace": trace})

    def record_attempt(self, entry: QueuedRun, run: Run) -> None:
        """Write down the directory of the attempt."""
        self._write(entry, {**self.attempt(entry), "run": str(run.path.resolve())})

    def _write(self, entry: QueuedRun, values: Mapping[str, Any]) -> None:
        write_json(self._attempt(entry), values)

    @contextmanager
    def claim(self, entry: QueuedRun) -> Iterator["Claim | None"]:
        """The right to do a run while the context lasts; None if it is done, failed, or somebody alive is at it."""
        lock, mine = self._lock(entry), describe_this_process()
        self.done(entry)  # reads a folder that may be large, for which the others need not wait
        with self._mutex:
            granted = self._may_start(entry) and create_lock(lock, json.dumps(mine))
        if not granted:
            yield None
            return
        with heartbeat(lock):
            try:
                yield Claim(self, entry)
            finally:
                with self._mutex:
                    if self.holder(entry).get("token") == mine["token"]:
                        lock.unlink()

    def _may_start(self, entry: QueuedRun) -> bool:
        """Whether nobody is at it and it is still to do; the lock of a dead process is removed."""
        attempt, last = self.attempt(entry), self.last_attempt(entry)
        if last is not None:  # whoever had the claim in the meantime has written it down
            self._keep_answer(entry, finished(last.path, {}))
        if entry.key in self._done or "error" in attempt:
            if not is_alive(self.holder(entry), self._lock(entry)):  # it died between the result and the end
                self._lock(entry).unlink(missing_ok=True)
            return False
        if not self._lock(entry).is_file():
            return True
        holder = self.holder(entry)
        if holder and is_alive(holder, self._lock(entry)):
            return False
        # A cluster may end a long run many times: only deaths in a row that leave no new checkpoint count
        left = self._checkpoint(attempt)
        advanced = left is not None and left != attempt.get("checkpoint")
        deaths = 1 if advanced else int(attempt.get("deaths", 0)) + 1
        self._write(entry, {**attempt, "deaths": deaths, "checkpoint": left})
        self._lock(entry).unlink(missing_ok=True)
        if deaths < DEATHS:
            return True
        self.fail(entry, f"the process that trained it died {deaths} times without progress (out of memory?)")
        return False

    @staticmethod
    def _checkpoint(attempt: Mapping[str, Any]) -> str | None:
        """What tells the last checkpoint of an attempt from those before it; None if there is none."""
        run = Run(Path(attempt.get("run", "")))
        return ", ".join(checksums_of(run.last)) if run.last.is_file() else None


@dataclass(frozen=True)
class Claim:
    """The right to do one run.

    Attributes:
        queue: that granted it.
        entry: the run.
    """

    queue: RunQueue
    entry: QueuedRun

    def unfinished(self) -> Run | None:
        """The directory of an attempt whose process died, to go on from; none that is not of this run."""
        last = self.queue.last_attempt(self.entry)
        return None if last is None or (last.path / "result.json").is_file() else last

    def discard(self) -> None:
        """Remove what a dead attempt left, when nothing can be gone on from."""
        dead = self.unfinished()
        if dead is not None:
            shutil.rmtree(dead.path)

    def on_run_created(self, run: Run) -> None:
        """Remember the directory, so that whoever comes after a crash finds it."""
        self.queue.record_attempt(self.entry, run)
