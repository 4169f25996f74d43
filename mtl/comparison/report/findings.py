"""What a comparison says beside its verdict, in sentences and rows: who is hurt, what nothing beats, who differs."""

from math import isfinite

from mtl.comparison.report import number_format as words
from mtl.comparison.statistics.paired import smallest_p
from mtl.comparison.types import HURTS, Comparison
from mtl.comparison.verdict import counted, listed, p_value

HURT = ("configuration", "task", "gain", "95 % interval", "p (Holm)", "effect (Hedges' g)", "gain by seed")


def hurt(comparison: Comparison) -> list[tuple[str, ...]]:
    """Negative transfer with its evidence, a row of :data:`HURT` for each configuration and task that is hurt."""
    return [
        (
            row.label,
            task,
            words.gain(one),
            words.interval(one),
            p_value(one.p),
            words.effect(one.test.effect),
            ", ".join(f"{gain * 100:+.1f}" for gain in one.gains),
        )
        for row in comparison.rows
        if row.multi
        for task, one in ((task, cell.evidence) for task, cell in row.cells.items())
        if one.call == HURTS
    ]


def unhurt(comparison: Comparison) -> str:
    """What there is to say where nothing is hurt for sure: the worst there is, and what the seeds could show."""
    found = [
        (cell.evidence, row.label, task) for row in comparison.rows if row.multi for task, cell in row.cells.items()
    ]
    measured = [one for one in found if isfinite(one[0].mean)]
    if not measured:
        return ""
    one, label, task = min(measured, key=lambda each: each[0].mean)
    largest = f"The lowest gain is that of {label} on {task}: {words.gain(one)}, p = {p_value(one.p)} (Holm)."
    seeds, least = counted(one.test.n, "seed"), smallest_p(one.test.n)
    return (
        f"No task is shown to be hurt by any configuration, which is no proof that none is. {largest} "
        f"Without assuming a distribution {seeds} can reach p = {least:.2g} at best."
    )


def standing(comparison: Comparison) -> list[str]:
    """The fronts over tasks and over quality against cost, and the test of the ranks."""
    out = []
    if comparison.front_tasks:
        out.append(f"No other configuration is better on every task: {listed(comparison.front_tasks)}.")
    if comparison.front_cost:
        out.append(f"None is both better by delta_m and trained in less time: {listed(comparison.front_cost)}.")
    ranking = comparison.ranking
    if isfinite(ranking.p):
        blocks = len(set.intersection(*(set(row.seeds) for row in comparison.all_rows)))
        out.append(
            f"Ranks by delta_m over {blocks} seeds: Friedman p = {p_value(ranking.p)}; two mean ranks differ when "
            f"they are more than {ranking.critical_difference:.2f} apart (Nemenyi)."
        )
    return out
