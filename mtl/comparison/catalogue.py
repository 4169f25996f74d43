"""All runs below an output directory: what each was told, what came of it, and the verdicts that it is part of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mtl.comparison.records import PLAN, planned_path
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.runs.directory import Run, finished, finished_at, read_result
from mtl.runs.files import read_json_if_whole
from mtl.runs.lock import check_free
from mtl.runs.plain_yaml import read_yaml

DAMAGED, ENDED = "damaged", "killed"  # states that no run writes down itself


@dataclass(frozen=True)
class CataloguedRun:
    """One run.

    Attributes:
        path: its directory, below the output directory.
        state: done, running, interrupted, pruned or failed, as it says; "killed": its process ended without a word;
            "damaged": what it has written cannot be read.
        choices: the option chosen in each config group, and the seed; empty where it cannot be read.
        result: what came of it; None if it has not finished.
        finished: when, in UTC; None if it has not.
        verdicts: by comparison that it is part of, the outcome in words, "unfinished" before there is one.
        problem: what is damaged.
    """

    path: str
    state: str
    choices: dict[str, str]
    result: RunResult | None
    finished: datetime | None
    verdicts: dict[str, str]
    problem: str = ""

    @property
    def metrics(self) -> dict[str, float | None]:
        """The primary metric of each task on test rows, as ``<task>/<metric>``; empty without a result."""
        if self.result is None:
            return {}
        test = self.result.metrics["test"].tasks
        return {
            f"{name}/{task.primary}": test.get(name, {}).get(task.primary) for name, task in self.result.tasks.items()
        }


def catalogue(output: Path) -> list[CataloguedRun]:
    """Every run below a directory, the one that finished last first, then those that have not finished.

    Args:
        output: it holds ``runs`` and ``comparisons``.

    Returns:
        The runs.

    Raises:
        InputError: there is no run.
    """
    verdicts = verdicts_by_run(output)
    places = sorted({file.parent for file in output.glob("runs/*/*/*/config.yaml")})
    if not places:
        raise InputError(f"no run below '{output}': train one first, or name another directory with output=")
    found = [_run(place, output, verdicts.get(place.resolve(), {})) for place in places]
    return sorted(found, key=lambda one: one.finished or datetime.min.replace(tzinfo=UTC), reverse=True)


def _run(place: Path, output: Path, verdicts: dict[str, str]) -> CataloguedRun:
    path, file = str(place.relative_to(output / "runs")), place / "result.json"
    if file.is_file():
        try:
            result = read_result(file)
        except InputError as error:
            return CataloguedRun(path, DAMAGED, {}, None, None, verdicts, str(error))
        choices = {**result.choices.model_dump(), "seed": result.seed}
        when = finished_at(file, result.finished)
        return CataloguedRun(path, "done", _texts(choices), result, when, verdicts)
    try:
        config: dict[str, Any] = read_yaml(place / "config.yaml")
        choices = {**config["choices"], "seed": config["seed"]}
    except (InputError, LookupError, TypeError) as error:
        return CataloguedRun(path, DAMAGED, {}, None, None, verdicts, " ".join(str(error).split()))
    return CataloguedRun(path, state_of(place), _texts(choices), None, None, verdicts)


def state_of(place: Path) -> str:
    """The state of a run without a result; of one that calls itself running, whether somebody is at it."""
    state = Run(place).state
    if state not in ("", "running"):
        return state
    try:
        check_free(place)
    except InputError:
        return "running"
    return ENDED


def verdicts_by_run(output: Path) -> dict[Path, dict[str, str]]:
    """By directory of a run, the outcomes of the comparisons that it is part of, by their names."""
    found: dict[Path, dict[str, str]] = {}
    for file in sorted(output.glob(f"comparisons/*/{PLAN}")):
        summary = read_json_if_whole(file.parent / "summary.json")
        verdict = summary.get("verdict")
        outcome = str(verdict.get("outcome")) if isinstance(verdict, dict) else "unfinished"
        for place in _planned(read_json_if_whole(file), file):
            found.setdefault(place, {})[file.parent.name] = outcome
    return found


def _planned(plan: dict[str, Any], file: Path) -> Iterator[Path]:
    """The finished runs that the plan of a file names; none where it is damaged."""
    runs = plan.get("runs")
    for run in runs if isinstance(runs, list) else []:
        first = run.get("path") if isinstance(run, dict) else None
        for place in finished(planned_path(file, first)) if isinstance(first, str) else []:
            data = read_json_if_whole(place / "result.json").get("data")
            if isinstance(data, dict) and data.get("fingerprint") == run.get("fingerprint"):
                yield place.resolve()
                break


def _texts(choices: dict[str, Any]) -> dict[str, str]:
    """Options as texts; groups without one are left out."""
    return {name: str(value) for name, value in choices.items() if value is not None}
