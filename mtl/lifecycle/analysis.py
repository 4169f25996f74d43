"""A finished run looked at from the side of its outcome: a page and its numbers beside the run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl.agent.analysis.association import Association, associations
from mtl.agent.analysis.calibration import KINDS, Calibration, LabelledPredictions, calibration
from mtl.agent.analysis.content import Analysis, OutcomeFacts
from mtl.agent.analysis.resampling import Numbers, group_numbers, mean_interval, sums_by_group
from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport
from mtl.comparison.report.analysis_page import analysis_page
from mtl.comparison.run_gains import gains_of
from mtl.errors import InputError
from mtl.lifecycle.execution import check_environment, check_fingerprint, own_environment
from mtl.lifecycle.trained import Trained, load_trained
from mtl.runs.contributions import Outcome
from mtl.runs.directory import Run
from mtl.runs.files import check_place, write_json, write_text
from mtl.tasks import Task, labelled
from mtl.training.hardware import threads_for

ALPHA = 0.05
FAILURES = 10
SPLITS = ("val", "test")


def analyse(
    run: str | Path,
    trust: Sequence[str] = (),
    threads: int | None = None,
    report: ExecutionReport | None = None,
) -> tuple[Analysis, Path]:
    """Say which task limits a run's outcome, how calibrated its heads are, and where it fails.

    Writes ``analysis.html`` and ``analysis.json`` to ``<run>/analysis``; those of before are replaced.

    Args:
        run: directory of a finished run.
        trust: modules whose code its config may name, beside this package's and what ``conf/`` names.
        threads: on the CPU; None: the cores, at most 4.
        report: what came of its acting; None: it acts in the environment of its config, if there is one.

    Returns:
        The analysis and its page.

    Raises:
        InputError: there is no such run, it is damaged or not finished, its data has changed, or the report is of
            another run.
    """
    torch.set_num_threads(threads or threads_for({}))
    opened = Run.open(run, trust)
    check_origin(report, opened)
    directory = opened.path / "analysis"
    check_place(directory)
    result = opened.result
    trained = load_trained(opened)
    trained.data.setup("fit")
    check_fingerprint(opened, trained.data.fingerprint)
    environment = own_environment(trained.config, opened) if trained.config.execution else None
    if report is not None and environment is not None and report.environment not in ("", type(environment).__name__):
        environment = None  # it acted elsewhere, of which the run's own environment says nothing
    if environment is not None:
        check_environment(trained.data, environment, opened)
        report = report if report is not None else trained.act(environment)
    acted_in = "" if report is None else report.environment
    rows = {split: predictions(trained, split) for split in SPLITS}
    found = Analysis(
        run=str(opened.path),
        suite=result.choices.task,
        alpha=ALPHA,
        outcome=outcome_facts(report, acted_in if environment is None else type(environment).__name__),
        calibrations=tuple(calibrations(trained, rows)),
        weighted=tuple(task.name for task in trained.data.tasks if task.class_weights is not None),
        failures=tuple(report.failures(FAILURES)) if report is not None else (),
        **association_parts(trained, rows["test"], environment, report),
    )
    parent = result.improvement.parent if result.improvement is not None else None
    runs = [opened.path, *([Path(parent)] if parent else [])]
    gains = gains_of(runs, opened.path.parents[3]) if len(opened.path.parts) > 4 else []
    directory.mkdir(exist_ok=True)
    page = directory / "analysis.html"
    write_text(page, analysis_page(found, gains, result))
    write_json(directory / "analysis.json", to_plain(found, gains))
    return found, page


def check_origin(report: ExecutionReport | None, run: Run) -> None:
    """InputError where a report is known to be of another run."""
    if report is not None and report.run not in (None, run.path.resolve()):
        raise InputError(
            f"analyse: the report is of run '{report.run}', and run '{run.path}' is analysed: expected what came of "
            "acting with this one"
        )


@torch.inference_mode()
def predictions(trained: Trained, split: str) -> dict[str, LabelledPredictions]:
    """By task, raw predictions and targets of all rows of a split, in its order, also of those without a label."""
    raw: dict[str, list[torch.Tensor]] = {task.name: [] for task in trained.data.tasks}
    target: dict[str, list[torch.Tensor]] = {name: [] for name in raw}
    for batch in trained.data.loader(split):
        found = trained.predict(batch.inputs)
        for name in raw:
            raw[name].append(found[name].float().cpu())
            target[name].append(batch.targets[name])
    beside = trained.data.splits[split].beside()
    return {name: LabelledPredictions(torch.cat(raw[name]), torch.cat(target[name]), *beside) for name in raw}


def labelled_part(rows: LabelledPredictions) -> LabelledPredictions:
    """The rows that have a label, and a weight if rows have weights."""
    known = labelled(rows.target) & torch.from_numpy(rows.each > 0)
    beside = (None if values is None else values[known.numpy()] for values in (rows.groups, rows.weights))
    return LabelledPredictions(rows.raw[known], rows.target[known], *beside)


def calibrations(trained: Trained, rows: dict[str, dict[str, LabelledPredictions]]) -> list[Calibration]:
    """Of every head that gives probabilities and has labelled rows in validation and test."""
    tasks = [task for task in trained.data.tasks if task.kind in KINDS]
    found = []
    for task in tasks:
        validation, test = (labelled_part(rows[split][task.name]) for split in SPLITS)
        if len(validation.target) and len(test.target):
            found.append(calibration(task, validation, test, ALPHA / len(tasks)))
    return found


def outcome_facts(report: ExecutionReport | None, environment: str) -> OutcomeFacts | None:
    """The mean outcome with its interval, instances or their groups drawn again; None where none is by instance."""
    outcome = report.outcome() if report is not None else None
    if outcome is None:
        return None
    values = outcome.values
    sums = sums_by_group(np.stack([values, np.ones(len(values))]), group_numbers(outcome.groups, len(values)))
    low, high = mean_interval(sums[0], ALPHA, sums[1])
    return OutcomeFacts(
        name=outcome.name,
        environment=environment,
        mean=float(values.mean()),
        low=low,
        high=high,
        instances=len(values),
        higher_is_better=outcome.higher_is_better,
    )


def association_parts(
    trained: Trained,
    rows: dict[str, LabelledPredictions],
    environment: Environment | None,
    report: ExecutionReport | None,
) -> dict[str, Any]:
    """The fields of :class:`Analysis` about what limits the outcome."""
    found: list[Association] = []
    outcome = report.outcome() if report is not None else None
    if environment is not None:
        environment.meet(trained.network)
    test = environment.test_outcome(trained.predict, trained.data) if environment is not None else None
    groups = next(iter(rows.values())).groups
    if test is not None and groups is not None:
        losses = {task.name: mean_by_group(task, rows[task.name], len(test)) for task in trained.data.tasks}
        found = associations(losses, test, None, ALPHA)
        why = "too few test instances, or they do not differ"
    elif outcome is not None and (acted_on := rows_of_outcome(outcome, rows, environment)) is not None:
        losses = {task.name: losses_of(task, rows[task.name])[acted_on] for task in trained.data.tasks}
        found = associations(losses, cost(outcome), None if groups is None else groups[acted_on], ALPHA)
        why = "too few test rows, or they do not differ"
    elif report is None:
        why = "the run does not act"
    elif outcome is None:
        why = "the outcome is not known instance by instance"
    else:
        why = "the agent acts on other instances than the test rows"
    return {"associations": tuple(found), "no_association": "" if found else why}


def rows_of_outcome(
    outcome: Outcome, rows: dict[str, LabelledPredictions], environment: Environment | None
) -> NDArray[np.bool_] | None:
    """Which test rows an outcome is about, in their order, ``[N]``; None: it is about other instances.

    These are all of them, or those that have a label for each task by which the environment decides, since it leaves
    out the others. An outcome that says what its instances are is not about rows.
    """
    targets = {name: one.target for name, one in rows.items()}
    every = np.ones(len(next(iter(targets.values()))), dtype=np.bool_)
    known = every.copy()
    for name in environment.requires if environment is not None else ():
        known &= labelled(targets[name]).numpy()
    if outcome.instances:
        return None
    return next((found for found in (every, known) if found.sum() == len(outcome.values)), None)


def cost(outcome: Outcome) -> Numbers:
    """The outcome of each row, lower being better."""
    return np.asarray(-outcome.values if outcome.higher_is_better else outcome.values, dtype=np.float64)


def losses_of(task: Task, rows: LabelledPredictions) -> Numbers:
    """The loss of each row ``[N]``; NaN where it has no label."""
    known = labelled(rows.target)
    with torch.inference_mode():
        losses = task.losses(rows.raw, rows.target, known).double()
    return np.asarray(losses.masked_fill(~known, torch.nan).numpy(), dtype=np.float64)


def mean_by_group(task: Task, rows: LabelledPredictions, groups: int) -> Numbers:
    """The mean loss of the labelled rows of each group ``[groups]``; NaN where there is none."""
    numbers: NDArray[np.int64] = rows.groups if rows.groups is not None else group_numbers(None, len(rows.target))
    losses = losses_of(task, rows)
    known = np.isfinite(losses)
    both = np.stack([np.where(known, losses, 0.0), known.astype(np.float64)])
    sums = np.zeros((2, groups))
    part = sums_by_group(both, numbers)
    sums[:, : part.shape[1]] = part
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[0] / sums[1], dtype=np.float64)


def to_plain(found: Analysis, gains: Sequence[Any]) -> dict[str, Any]:
    """The analysis as plain values for a JSON file."""
    return {**asdict(found), "gains": [asdict(one) for one in gains]}
