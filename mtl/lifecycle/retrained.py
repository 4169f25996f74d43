"""A finished run whose tasks are worse on later rows is trained again with them, and kept where that is better."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mtl.agent.analysis.drift import Change, is_kept
from mtl.assembly import build_suite, trees_of
from mtl.comparison.statistics.gains import gains, scale_of
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle.drift import Watched
from mtl.lifecycle.later_rows import ALL, LATER
from mtl.lifecycle.resume import runs_of
from mtl.lifecycle.train import ignore, train
from mtl.lifecycle.trained import suite_of_columns
from mtl.runs.directory import Run
from mtl.runs.files import check_place, make_unique_directory, write_json
from mtl.runs.identity import run_id
from mtl.suites.table.addresses import check_is_file

ALPHA = 0.05
FILE = "drift.json"


@dataclass(frozen=True)
class Candidate:
    """A run that was trained again.

    Attributes:
        rows: ``all``: it learned from the rows of before and half of the later ones; ``later``: from that half alone.
        run: its directory.
        gains: by task, from the run of before to this one, on later rows that neither has learned from.
    """

    rows: str
    run: str
    gains: tuple[Change, ...]


@dataclass(frozen=True)
class Retraining:
    """What came of looking at later rows.

    Attributes:
        run: directory of the run that was looked at.
        records: file of the later rows.
        alpha: share of the times that any interval of ``drift`` misses; the same of all intervals of ``candidates``.
        drift: by task, its own test rows against the later rows.
        candidates: runs that were trained again; none where no task is worse, and it was not asked for.
        remarks: what of the later rows is unlike those that the run has learned from.
        unlabelled: tasks whose labels the later rows lack; with such rows no run is trained again.
        notes: why there is no run of the later rows alone, where there is none.
        chosen: directory of the candidate that is better on the validation rows; None: there is none.
        kept: whether it is to be used from now on.
    """

    run: str
    records: str
    alpha: float
    drift: tuple[Change, ...]
    remarks: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()
    chosen: str | None = None
    kept: bool = False

    @property
    def worse(self) -> list[str]:
        """The tasks that are worse on the later rows."""
        return [one.task for one in self.drift if one.reading == "worse"]

    @property
    def used(self) -> str:
        """Directory of the run to use from now on."""
        return self.chosen if self.kept and self.chosen is not None else self.run

    def plain(self) -> dict[str, Any]:
        """As plain values for a JSON file."""
        return asdict(self)


def retrain(
    run: Run,
    records: str | Path,
    threads: int | None = None,
    *,
    always: bool = False,
    progress: bool = True,
    on_drift: Callable[[Retraining], None] = ignore,
) -> Retraining:
    """Measure a finished run on later rows, and train it again with half of them where a task has become worse.

    It is trained twice, with all rows of before and without them: old rows help where inputs have changed, and harm
    where what they mean has. Which is better is decided on a quarter of the later rows, the validation of both; whether
    that one is better than the run of before, on the last quarter.

    What is measured is written to ``<run>/drift/<time>/drift.json``. A run that is trained again is a run like any
    other, beside the run it came from, which stays as it is; its config says which rows it has learned from. Where it
    was interrupted or killed, the same call goes on with it.

    Args:
        run: a finished run of a person's table or tables, or of a suite whose rows are those of a table.
        records: file of labelled rows that came later, with the same columns.
        threads: on the CPU; None: as the run.
        always: train again also where no task is worse.
        progress: show a progress bar, or lines.
        on_drift: called with what is known before the training.

    Returns:
        What came of it.

    Raises:
        InputError: the run cannot be used for that, its rows have changed, or the file does not fit.
    """
    check_place(run.path / "drift")
    check_is_file(str(records), "records")
    watched = Watched.open(run, Path(records))
    watched.check_new()
    lacking, drift = watched.unlabelled(), watched.drift(ALPHA)
    if all(one.reading == "not measured" for one in drift):
        why = f" ({'; '.join(lacking.values())})" if lacking else ""
        raise InputError(
            f"records={records}: of no task can it be said whether it has changed{why}; expected at least 30 rows with "
            "a label, or 10 groups of them, with several values"
        )
    unmeasured = {one.task for one in drift if one.reading == "not measured"}
    said = [f"{task} is not measured: {why}" for task, why in lacking.items() if task in unmeasured]
    found = Retraining(str(run.path), str(records), ALPHA, drift, (*said, *watched.remarks()), tuple(lacking))
    directory = make_unique_directory(run.path / "drift" / time.strftime("%Y%m%d-%H%M%S"))
    write_json(directory / FILE, found.plain())
    on_drift(found)
    if (found.worse or always) and not found.unlabelled:
        parts = run.path.parts  # beside the finished run, wherever that is
        place = str(Path(*parts[:-4])) if parts[-4:-3] == ("runs",) else run.config.output
        ways = {"output": place, "threads": threads or run.config.threads, "progress": progress}
        found = with_candidates(found, watched, {**ways, "trust": list(run.trust)})
        write_json(directory / FILE, found.plain())
    return found


def with_candidates(found: Retraining, watched: Watched, ways: dict[str, Any]) -> Retraining:
    """Train the candidates, and decide between them and the run of before.

    Args:
        found: what is known before.
        watched: the run and the later rows.
        ways: what of the config of the candidates is as this call wants it.

    Returns:
        What is known then.
    """
    results = {ALL: trained(watched.retrained_config(ALL).changed(**ways))}
    notes = []
    try:
        results[LATER] = trained(watched.retrained_config(LATER).changed(**ways))
    except Refused as error:
        notes.append(f"half of the later rows alone are not trained with: {error}")
    level = found.alpha / (len(results) * len(found.drift))
    candidates = tuple(
        Candidate(rows, result.directory, watched.change_to(Run.open(result.directory, watched.run.trust), level))
        for rows, result in results.items()
    )
    best = better(results)
    chosen = next(one for one in candidates if one.rows == best)
    return replace(found, candidates=candidates, notes=tuple(notes), chosen=chosen.run, kept=is_kept(chosen.gains))


class Refused(InputError):
    """Rows that cannot be trained with."""


def trained(config: RunConfig) -> RunResult:
    """The result of a run, of one that has finished if there is one of the same rows.

    Args:
        config: of the run.

    Returns:
        The result.

    Raises:
        Refused: its rows cannot be trained with.
        InputError: this process is not the first of its training, or the training failed.
    """
    try:
        data = suite_of_columns(config) if trees_of(config) is not None else build_suite(config)
        data.setup("fit")
    except InputError as error:
        raise Refused(str(error)) from None
    for run in runs_of(config):
        result = run.result if run.state == "done" else None
        if result is not None and result.run_id == run_id(config) and result.data.fingerprint == data.fingerprint:
            return result.model_copy(update={"directory": str(run.path)})  # it may have been moved
    trained_now = train(config)
    if trained_now is None:
        raise InputError("retrain: this is not the first process of its training")
    return trained_now


def better(results: dict[str, RunResult]) -> str:
    """Which rows give the better run on the validation rows of all: of the highest mean gain over tasks that count.

    The gain of a task is that of :func:`~mtl.comparison.statistics.gains.gains` in its primary metric, over the first
    run. Losses are not compared, as each is in the units of what its run has learned from.
    """
    first, *others = results
    best, height = first, 0.0
    for rows in others:
        found = [
            gain_of(facts.primary, *(measured(results[one], name, facts.primary) for one in (rows, first)), higher=up)
            for name, facts in results[first].tasks.items()
            if not facts.auxiliary
            for up in [facts.higher_is_better]
        ]
        known = [gain for gain in found if np.isfinite(gain)]
        mean = float(np.mean(known)) if known else 0.0
        if mean > height:
            best, height = rows, mean
    return best


def gain_of(metric: str, value: float, baseline: float, *, higher: bool) -> float:
    """The gain of one number over another."""
    scale = scale_of(metric, (value, baseline), (baseline,))
    return float(gains(np.array([value]), np.array([baseline]), higher_is_better=higher, scale=scale)[0])


def measured(result: RunResult, task: str, metric: str) -> float:
    """A metric of a run on its validation rows; NaN where they do not define it."""
    value = result.metrics["val"].tasks.get(task, {}).get(metric)
    return float("nan") if value is None else float(value)
