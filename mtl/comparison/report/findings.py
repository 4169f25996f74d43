"""What a report says beside its verdict: negative transfer, and Pareto fronts."""

from collections.abc import Mapping
from math import isfinite, isnan, nan

from mtl.comparison.fixed_front import fixed_front_sentences
from mtl.comparison.report import number_format
from mtl.comparison.statistics.gains import Scale
from mtl.comparison.tuned import tuned_values
from mtl.comparison.types import HURTS, Comparison, Row
from mtl.comparison.wording import interval_in_words, join_words
from mtl.config.fields import format_value

COST_NOTE = """\
Medians over all runs, means of what came of acting. Inference: predicting one batch of test rows, up to 1024, for all
tasks, with the fastest and the slowest run. Peak memory: of the process while it trained, with interpreter, libraries
and data. Of runs that were trained at once, training is the share of each in what all took, and peak memory that of
all. Front: no other configuration is better on every task, on validation. Unique: share of the hypervolume of
gains on validation that is lost without it."""
NEGATIVE_TRANSFER_COLUMNS = ("configuration", "task", "gain", "interval", "gain by seed")
STOPPED_COLUMNS = ("configuration", "epochs", "score", "highest of those that went on", "run")
STOPPED_CAPTION = (
    "Stopped in screening, as others were better after a part of it. The score is the geometric mean of the tasks' "
    "validation losses, lower being better; where there is none, delta_m of the first seed decided"
)


AGAIN = "To train what is missing or unfinished, type"


def negative_transfer_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row of :data:`NEGATIVE_TRANSFER_COLUMNS` for each configuration and task that is hurt."""
    return [
        (
            row.label,
            task,
            number_format.gain(cell.evidence),
            number_format.interval(cell.evidence),
            ", ".join(f"{gain * 100:+.1f}" for gain in cell.evidence.gains),
        )
        for row, tested in comparison.tested_rows
        if row.multi
        for task, cell in tested.cells.items()
        if cell.evidence.call == HURTS
    ]


def stopped_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row of :data:`STOPPED_COLUMNS` for each configuration that screening stopped.

    Those that failed are among the problems of the report.
    """
    return [
        (
            one.label,
            f"all, seed {one.seed}" if one.epochs is None else str(one.epochs),
            number_format.value(nan if one.score is None else one.score),
            number_format.value(nan if one.last_score is None else one.last_score),
            one.run or "failed",
        )
        for one in comparison.design.stopped
        if one.epochs is not None or one.configuration in comparison.stopped
    ]


def screened_rows(comparison: Comparison) -> list[Row]:
    """All configurations, the best on validation first; those that screening stopped after these, unmeasured ones last.

    What was stopped has a mean over the first seed alone, which is not to be compared with means over all seeds.
    """
    stopped = comparison.stopped

    def order(row: Row) -> tuple[bool, bool, float]:
        return not isfinite(row.delta_validation), row.key in stopped, -row.delta_validation

    return sorted(comparison.all_rows, key=order)


def screening_note(comparison: Comparison) -> str:
    """What the gains on validation are, and which of them are of fewer seeds."""
    labels = [row.label for row in screened_rows(comparison) if row.key in comparison.stopped]
    said = (
        f" {join_words(labels)}: stopped in screening, so {'its mean is' if len(labels) == 1 else 'their means are'} "
        "over the first seed alone, and not to be compared with those of the others."
        if labels
        else ""
    )
    return (
        "Mean gains on the validation rows. They choose the configuration in bold, and claim nothing. The rank is the "
        f"mean over tasks.{said}{unlike_scales(comparison)}"
    )


def unlike_scales(comparison: Comparison) -> str:
    """Which gains on validation are no percentages of what those on test are; empty where there are none."""
    own = comparison.validation_scales
    unlike = {task: scale for task, scale in own.items() if scale != comparison.scales[task]}
    return f" Other than on test: {reasons_in_words(unlike)}." if unlike else ""


def tuned_columns(comparison: Comparison) -> tuple[str, ...]:
    """The head of :func:`tuned_rows`."""
    return ("configuration", *comparison.design.grid)


def tuned_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Each configuration with the values of the grid that validation chose for it; none where nothing was tuned."""
    if not comparison.design.grid:
        return []
    every = [(row.label, tuned_values(row, comparison)) for row in comparison.all_rows]
    return [
        (label, *(tuned_text(values[key]) if key in values else "-" for key in comparison.design.grid))
        for label, values in every
    ]


def tuned_text(value: object) -> str:
    """A value as it is typed; learning rates of tasks as ``0.01 (a), 0.001 (b and c)``."""
    if not isinstance(value, Mapping):
        return format_value(value)
    tasks: dict[str, list[str]] = {}
    for task, rate in value.items():
        tasks.setdefault(format_value(rate), []).append(str(task))
    return ", ".join(f"{rate} ({join_words(names)})" for rate, names in tasks.items())


def tuned_caption(comparison: Comparison) -> str:
    """What was tried, and how it was chosen."""
    design = comparison.design
    tried = "; ".join(f"{key} {join_words(map(format_value, values))}" for key, values in design.grid.items())
    further = " Further baselines begin with the values of single_task." if design.further else ""
    return (
        f"Tried: {tried}. Each configuration has the values of its own best run on the validation rows, with seed "
        f"{design.screening[0]}. Where nothing is shared, each task has the learning rate that is best for it.{further}"
    )


def scales_sentence(comparison: Comparison) -> str:
    """What the gains of each task are: relative, or differences of a size that the sentence says."""
    return f"Gains: {reasons_in_words(comparison.scales)}."


def reasons_in_words(scales: Mapping[str, Scale]) -> str:
    """The scales of some tasks, those that have the same together."""
    by_reason: dict[str, list[str]] = {}
    for task, scale in scales.items():
        by_reason.setdefault(scale.reason, []).append(task)
    return "; ".join(f"{join_words(tasks)}: {reason}" for reason, tasks in by_reason.items())


def worst_gain_sentence(comparison: Comparison) -> str:
    """Where no task is hurt for sure: the lowest gain, and how low it may be; empty if none was measured."""
    found = [
        (cell.evidence, row.label, task)
        for row, tested in comparison.tested_rows
        if row.multi
        for task, cell in tested.cells.items()
    ]
    measured = [one for one in found if isfinite(one[0].mean)]
    if not measured:
        return ""
    one, label, task = min(measured, key=lambda each: each[0].mean)
    interval = "" if isnan(one.interval[0]) else interval_in_words(one)
    return (
        f"No task is shown to be hurt, which is no proof that none is. The lowest gain is that of {label} on {task}: "
        f"{number_format.gain(one)}{f' ({interval})' if interval else ''}."
    )


def pareto_sentences(comparison: Comparison) -> list[str]:
    """The Pareto fronts over tasks and over quality against cost, as measured on validation; they claim nothing."""
    out = fixed_front_sentences(comparison)
    if comparison.front_tasks:
        out.append(
            f"On validation no other configuration is better on every task: {join_words(comparison.front_tasks)}."
        )
    if comparison.front_cost:
        out.append(
            "On validation none is both better by delta_m and trained in less time: "
            f"{join_words(comparison.front_cost)}."
        )
    return out
