"""The result of a run: what is measured once, at the end, with the selected weights."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from mtl.config.run_result import DataFacts, ImprovementResult, RunResult, Seconds, SplitMetrics, TaskFacts
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.trained import Trained
from mtl.module.row_contributions import RowContributions
from mtl.runs.contributions import Contributions
from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from mtl.tasks import Task, TaskGraph
from mtl.training.resources import environment, inference_seconds, peak_memory

SPLITS = ("train", "val", "test")
SPLITS_THAT_DECIDE = {
    "val": "validation rows, so a comparison cannot rank",
    "test": "test rows, so a comparison measures no gain of",
}


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        result: of a run that has not acted yet.
        contributions: by task, what each row of the test split contributes to the primary metric.
    """

    result: RunResult
    contributions: Contributions


@dataclass(frozen=True)
class Cost:
    """What a prediction costs, which is the same for all networks of one shape.

    Attributes:
        flops: floating-point operations of one row; None: not counted.
        seconds: of one batch; None: not measured.
    """

    flops: int | None
    seconds: float | None

    @classmethod
    def of(cls, trained: Trained) -> "Cost":
        """Counted and measured with a trained network, or with trees."""
        return cls(trained.flops(), inference_seconds(trained.predict, trained.data))


def measure(
    run: Run,
    trained: Trained,
    fitted: Fitted,
    data_seconds: float,
    improvement: ImprovementResult | None = None,
    cost: Cost | None = None,
) -> Measured:
    """Measure every split once, and what the run cost.

    Args:
        run: its directory.
        trained: what its training left, as selected on validation.
        fitted: how that went.
        data_seconds: until the rows were in memory.
        improvement: what came of improving the network by acting; None: it stayed as it was trained.
        cost: of a prediction, where a run of the same shape has measured it; None: it is measured here.

    Returns:
        The result, and what each row of the test split contributes to its metrics: the rows are predicted once.
    """
    config, data = trained.config, trained.data
    affinity = run.affinity
    contributions = RowContributions(TaskGraph(data.tasks))
    metrics = {
        split: trained.evaluate(data.measured(split), contributions if split == "test" else None) for split in SPLITS
    }
    undefined = list(without_number(data.tasks, metrics))
    sys.stderr.write("".join(f"{note}\n" for note in undefined))
    memory = peak_memory()
    cost = cost or Cost.of(trained)
    result = RunResult(
        run_id=run_id(config),
        directory=str(run.path),
        choices=config.choices,
        seed=config.seed,
        config=config,
        data=DataFacts(fingerprint=data.fingerprint, rows={name: len(split) for name, split in data.splits.items()}),
        selection=fitted.selection,
        tasks={
            task.name: TaskFacts(primary=task.primary, higher_is_better=task.higher_is_better, auxiliary=task.auxiliary)
            for task in data.tasks
        },
        metrics=metrics,
        parameters=trained.parameters(),
        flops=cost.flops,
        seconds=Seconds(
            data=data_seconds,
            fit=fitted.seconds + (affinity.seconds if affinity else 0.0),
            step=fitted.step_seconds,
            inference=cost.seconds,
        ),
        steps=fitted.steps,
        epochs=fitted.epochs,
        peak_memory_bytes=memory,
        environment=environment(fitted.threads),
        affinity=affinity,
        improvement=improvement,
        notes=[*run.notes, *(note for note in data.notes if note not in run.notes), *fitted.notes, *undefined],
    )
    return Measured(result, Contributions(contributions.result(), None, *data.splits["test"].beside()))


def without_number(tasks: Iterable[Task], metrics: Mapping[str, SplitMetrics]) -> Iterator[str]:
    """A line for each primary metric that is no number, though rows have labels, of the rows that decide something.

    Args:
        tasks: of the run; auxiliary ones decide nothing.
        metrics: by split.

    Yields:
        str: AUROC where all labels are of one class, or an own metric that is NaN.
    """
    for task in (one for one in tasks if not one.auxiliary):
        for split, what in SPLITS_THAT_DECIDE.items():
            found = metrics[split].tasks.get(task.name)
            value = found.get(task.primary) if found else 0.0
            if value is None or not isfinite(value):
                yield f"task '{task.name}': {task.primary} is no number on the {what} this run"
