"""Run queue: which runs are done, failed, under way or to do; kept in files, so it outlives its processes.

``<output>/queue/`` holds, by key (hashes of the config and of the data)::

    <key>.json     the attempt: its run directory, how often its process died, the error if it failed
    <key>.lock     who is working on it: machine, process, its start time; touched every few seconds

With ``leases=<address>`` a database says who is working on it, and there are no locks.
A run is done when its run directory has a result of the same data, whoever made it; so runs of a plain ``train.py``
count, and nothing has to be kept in step. All files are written whole or not at all.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.attempts import attempt_file, queue_directory
from mtl.runs.changed import say_of_changes
from mtl.runs.checksums import checksums_of
from mtl.runs.directory import LaterRuns, Run, finished, later_runs, run_path
from mtl.runs.files import read_json_if_whole, write_json
from mtl.runs.identity import run_id
from mtl.sweep.database_leases import DatabaseLeases
from mtl.sweep.file_leases import FileLeases
from mtl.sweep.leases import Leases

DEATHS = 3  # processes that may die over one run without progress before it counts as failed

PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"


@dataclass(frozen=True)
class QueuedRun:
    """One run to do.

    Attributes:
        config: its resolved config.
        fingerprint: of its data.
        until: after so many epochs it is paused, with a checkpoint to go on from; None: it is trained to its end.
    """

    config: RunConfig
    fingerprint: str
    until: int | None = None

    @cached_property
    def key(self) -> str:
        """Its name in the queue."""
        return f"{run_id(self.config)}-{hashlib.sha256(self.fingerprint.encode()).hexdigest()[:8]}"


class RunQueue:
    """The runs of one output directory. Any number of processes may use it at once.

    Args:
        output: the directory that holds ``runs/``.
        leases: address of a database that says who is at a run; None: files do.
        patient: the database has been used before; see :class:`~mtl.sweep.database_leases.DatabaseLeases`.

    Raises:
        InputError: it cannot be written, or the database cannot be used.
    """

    def __init__(self, output: str | Path, leases: str | None = None, *, patient: bool = False) -> None:
        self.output = Path(output)
        self.path = queue_directory(self.output)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output={self.output}: cannot be written ({error.strerror})") from None
        self._done: dict[str, Run] = {}
        self._first: dict[str, Path] = {}
        self.leases: Leases = (
            FileLeases(self.path) if leases is None else DatabaseLeases(leases, self.output, patient=patient)
        )

    def done(self, entry: QueuedRun, later: Callable[[Path], LaterRuns] = later_runs) -> Run | None:
        """The finished run that answers this entry, if there is one.

        Args:
            entry: the run.
            later: as for :func:`~mtl.runs.directory.finished`.

        Returns:
            The run.
        """
        if entry.key not in self._done:
            for run in map(Run, finished(self.first_directory(entry), later)):
                with suppress(InputError):  # unfinished or damaged: not an answer
                    result = run.result
                    same = result.run_id == self.first_directory(entry).name  # a config may be changed by hand
                    if same and result.data.fingerprint == entry.fingerprint:
                        self._done[entry.key] = run
                        say_of_changes(run, entry.config)
                        break
        return self._done.get(entry.key)

    def known(self, entry: QueuedRun) -> Run | None:
        """The finished run of an entry that was found to be done; no file is read."""
        return self._done.get(entry.key)

    def first_directory(self, entry: QueuedRun) -> Path:
        """Where the first attempt at a run goes; later ones stand beside it."""
        if entry.key not in self._first:
            self._first[entry.key] = run_path(entry.config.changed(output=str(self.output)))
        return self._first[entry.key]

    def states(self, entries: Sequence[QueuedRun]) -> list[str]:
        """The state of each of these runs; each folder that they are in is read once."""
        later = cache(later_runs)
        left = [entry for entry in entries if not self.done(entry, later)]
        held = self.leases.held([entry.key for entry in left])
        found = {entry.key: RUNNING if entry.key in held else self._unheld_state(entry) for entry in left}
        return [found.get(entry.key, DONE) for entry in entries]

    def _unheld_state(self, entry: QueuedRun) -> str:
        attempt = self.attempt(entry)
        if "error" in attempt:
            return FAILED
        return DONE if is_far_enough(entry, attempt) else PENDING

    def state(self, entry: QueuedRun) -> str:
        """pending, running, done or failed."""
        return self.states([entry])[0]

    def attempt(self, entry: QueuedRun) -> dict[str, Any]:
        """What is known of the last attempt; empty before the first or when the file is damaged."""
        return read_json_if_whole(self._attempt(entry))

    def _attempt(self, entry: QueuedRun) -> Path:
        return attempt_file(self.output, entry.key)

    def forget_failure(self, entry: QueuedRun) -> None:
        """A failed run is to be tried again, from the start, in a directory of its own."""
        if "error" not in self.attempt(entry):
            return
        lease = self.leases.take(entry.key)
        if lease is not None:
            with self.leases.keep(lease):
                if "error" in self.attempt(entry):
                    self._attempt(entry).unlink()

    def fail(self, entry: QueuedRun, error: str, trace: str = "") -> None:
        """Record that the run failed, and why."""
        self._write(entry, {**self.attempt(entry), "error": error, "trace": trace})

    def record_attempt(self, entry: QueuedRun, run: Run) -> None:
        """Write down the directory of the attempt."""
        self._write(entry, {**self.attempt(entry), "run": str(run.path.resolve())})

    def record_pause(self, entry: QueuedRun) -> None:
        """Write down that the run was paused where the entry says."""
        self._write(entry, {**self.attempt(entry), "paused": entry.until})

    def forget_pause(self, entry: QueuedRun) -> None:
        """The run that was paused is none to go on with: it begins anew."""
        self._write(entry, {key: value for key, value in self.attempt(entry).items() if key != "paused"})

    def directory(self, entry: QueuedRun) -> Path | None:
        """The directory of a run that is done or was begun; None if there is none."""
        run = self.done(entry)
        begun = self.attempt(entry).get("run")
        return run.path if run is not None else Path(begun) if begun and Path(begun).is_dir() else None

    def _write(self, entry: QueuedRun, values: Mapping[str, Any]) -> None:
        write_json(self._attempt(entry), values)

    @contextmanager
    def claim(self, entry: QueuedRun) -> Iterator["Claim | None"]:
        """The right to do a run while the context lasts; None if it is done, failed, or somebody alive is at it."""
        if self._is_answered(entry):
            self.leases.clear(entry.key)  # a process may have died between the result and the end
            yield None
            return
        lease = self.leases.take(entry.key)
        if lease is None:
            yield None
            return
        with self.leases.keep(lease):
            yield Claim(self, entry) if self._is_left(entry, after_death=lease.after_death) else None

    def _is_answered(self, entry: QueuedRun) -> bool:
        attempt = self.attempt(entry)
        return self.done(entry) is not None or "error" in attempt or is_far_enough(entry, attempt)

    def _is_left(self, entry: QueuedRun, *, after_death: bool) -> bool:
        """Whether a run, whose lease is held, is still to do; the death of its last process is counted."""
        if self._is_answered(entry):  # of somebody who held it in the meantime
            return False
        attempt = self.attempt(entry)
        if not after_death:
            return True
        # A cluster may end a long run many times: only deaths in a row that leave no new checkpoint count
        left = self._checkpoint(attempt)
        advanced = left is not None and left != attempt.get("checkpoint")
        deaths = 1 if advanced else int(attempt.get("deaths", 0)) + 1
        self._write(entry, {**attempt, "deaths": deaths, "checkpoint": left})
        if deaths < DEATHS:
            return True
        self.fail(entry, f"the process that trained it died {deaths} times without progress (out of memory?)")
        return False

    @staticmethod
    def _checkpoint(attempt: Mapping[str, Any]) -> str | None:
        """What tells the last checkpoint of an attempt from those before it; None if there is none."""
        run = Run(Path(attempt.get("run", "")))
        return ", ".join(checksums_of(run.last)) if run.last.is_file() else None


def is_far_enough(entry: QueuedRun, attempt: Mapping[str, Any]) -> bool:
    """Whether a run that is to be paused has been, there or later, and can still be gone on with."""
    paused = attempt.get("paused")
    return entry.until is not None and paused is not None and paused >= entry.until and Path(attempt["run"]).is_dir()


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
        path = Path(self.queue.attempt(self.entry).get("run", ""))
        first = self.queue.first_directory(self.entry).resolve()
        ours = path.parent == first.parent and path.name.partition("-")[0] == first.name
        return Run(path) if ours and path.is_dir() and not (path / "result.json").is_file() else None

    def discard(self) -> None:
        """Remove what a dead attempt left, when nothing can be gone on from.

        Groups of tasks that it had found stay: whoever begins the run again (:mod:`mtl.lifecycle.new_run`) has them.
        """
        dead = self.unfinished()
        if dead is not None and (dead.last.is_file() or not (dead.path / "affinity.json").is_file()):
            self.queue.forget_pause(self.entry)  # the next attempt, in this place, has not come as far
            shutil.rmtree(dead.path)

    def on_run_created(self, run: Run) -> None:
        """Remember the directory, so that whoever comes after a crash finds it.

        InputError where its data are not those of the plan: it would be no answer, and be trained again without end.
        """
        if run.fingerprint not in (None, self.entry.fingerprint):
            raise InputError(
                f"the data have changed since this was planned (fingerprint {run.fingerprint}, was "
                f"{self.entry.fingerprint}): the same command begins anew with the data as they are then; save rows "
                "that keep changing, as those of a query may, to a file first"
            )
        self.queue.record_attempt(self.entry, run)
