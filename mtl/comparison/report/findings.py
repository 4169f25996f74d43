"""What a report says beside its verdict: negative transfer, Pareto fronts, and the test of the ranks."""

from math import isfinite

from mtl.comparison.report import number_format
from mtl.comparison.statistics.paired import smallest_p
from mtl.comparison.types import HURTS, Comparison
from mtl.comparison.wording import count_noun, format_p, join_words

COST_NOTE = """\
Medians over seeds, means of what came of acting. Inference: predicting one batch of test rows, up to 1024, for all
tasks. Peak memory: of the process while it trained, with interpreter, libraries and data. Front: no other configuration
is better on every task. Unique: share of the hypervolume of gains that is lost without it."""
NEGATIVE_TRANSFER_COLUMNS = (
    "configuration",
    "task",
    "gain",
    "95 % interval",
    "p (Holm)",
    "effect (Hedges' g)",
    "gain by seed",
)


def negative_transfer_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row of :data:`NEGATIVE_TRANSFER_COLUMNS` for each configuration and task that is hurt."""
    return [
        (
            row.label,
            task,
            number_format.gain(one),
            number_format.interval(one),
            format_p(one.p),
            number_format.effect(one.test.effect),
            ", ".join(f"{gain * 100:+.1f}" for gain in one.gains),
        )
        for row in comparison.rows
        if row.multi
        for task, one in ((task, cell.evidence) for task, cell in row.cells.items())
        if one.call == HURTS
    ]


def worst_gain_sentence(comparison: Comparison) -> str:
    """Where no task is hurt for sure: the lowest gain, and what the seeds could show; empty if none was measured."""
    found = [
        (cell.evidence, row.label, task) for row in comparison.rows if row.multi for task, cell in row.cells.items()
    ]
    measured = [one for one in found if isfinite(one[0].mean)]
    if not measured:
        return ""
    one, label, task = min(measured, key=lambda each: each[0].mean)
    largest = f"The lowest gain is that of {label} on {task}: {number_format.gain(one)}, p = {format_p(one.p)} (Holm)."
    seeds, least = count_noun(one.test.n, "seed"), smallest_p(one.test.n)
    return (
        f"No task is shown to be hurt by any configuration, which is no proof that none is. {largest} "
        f"Without assuming a distribution {seeds} can reach p = {least:.2g} at best."
    )


def pareto_sentences(comparison: Comparison) -> list[str]:
    """The Pareto fronts over tasks and over quality against cost, and the test of the ranks."""
    out = []
    if comparison.front_tasks:
        out.append(f"No other configuration is better on every task: {join_words(comparison.front_tasks)}.")
    if comparison.front_cost:
        out.append(f"None is both better by delta_m and trained in less time: {join_words(comparison.front_cost)}.")
    ranking = comparison.ranking
    if isfinite(ranking.p):
        blocks = len(set.intersection(*(set(row.seeds) for row in comparison.all_rows)))
        out.append(
            f"Ranks by delta_m over {blocks} seeds: Friedman p = {format_p(ranking.p)}; two mean ranks differ when "
            f"they are more than {ranking.critical_difference:.2f} apart (Nemenyi)."
        )
    return out
