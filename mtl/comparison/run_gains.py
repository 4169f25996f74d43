"""What finished comparisons say of one run's configuration: what each task gains over single-task learning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from mtl.comparison.records import planned_path
from mtl.comparison.types import HURTS
from mtl.runs.files import read_json_if_whole


@dataclass(frozen=True)
class TaskGain:
    """The gain of one task over single-task learning, as a comparison has measured it on test rows.

    Attributes:
        comparison: its name.
        configuration: that the run belongs to.
        task: the task.
        mean: gain, above 0 is better.
        low: lower end of its interval; NaN: nothing is claimed.
        high: upper end.
        hurts: whether the comparison says that the task is hurt (negative transfer).
    """

    comparison: str
    configuration: str
    task: str
    mean: float
    low: float
    high: float
    hurts: bool


def gains_of(runs: Sequence[Path], output: Path) -> list[TaskGain]:
    """The gains of the configuration of one of these runs, in the comparisons below a directory.

    Args:
        runs: directories: of a run, and of the one that it improves.
        output: it holds ``comparisons``.

    Returns:
        A gain for each task and comparison; files that are damaged say nothing.
    """
    wanted = {path.resolve() for path in runs}
    found = []
    for file in sorted(output.glob("comparisons/*/summary.json")):
        configurations = read_json_if_whole(file).get("configurations")
        for one in configurations if isinstance(configurations, list) else []:
            if isinstance(one, dict) and wanted & set(_paths(file, one)):
                found += list(_gains(file.parent.name, one))
    return found


def _paths(file: Path, configuration: dict[str, Any]) -> Iterator[Path]:
    """The runs of a configuration, also where the output directory was moved as a whole since the report."""
    for text in configuration.get("runs") or []:
        yield planned_path(file, str(text)).resolve()


def _gains(name: str, configuration: dict[str, Any]) -> Iterator[TaskGain]:
    tested = configuration.get("test")
    tasks = tested.get("tasks") if isinstance(tested, dict) else None
    for task, cell in tasks.items() if isinstance(tasks, dict) else ():
        gain = cell.get("gain") if isinstance(cell, dict) else None
        if isinstance(gain, dict) and isinstance(gain.get("mean"), float):
            low, high = (_number(end) for end in gain.get("interval") or (None, None))
            hurts = gain.get("call") == HURTS
            yield TaskGain(name, str(configuration.get("label")), str(task), gain["mean"], low, high, hurts)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and isfinite(value) else nan
