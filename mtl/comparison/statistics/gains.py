"""How much better a run is than its baseline, in one unit for all metrics, with a sign so that positive is better."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan

# Metrics whose natural zero is guessing: they may be zero or negative, so dividing by a baseline's value means
# nothing. Their scale is the distance from guessing to perfect; for R2 that is the variance of the target.
FROM_GUESS_TO_PERFECT = {
    "r2": 1.0,
    "explained_variance": 1.0,
    "mcc": 1.0,
    "matthews": 1.0,
    "kappa": 1.0,
    "pearson": 1.0,
    "spearman": 1.0,
    "kendall": 1.0,
}


@dataclass(frozen=True)
class Scale:
    """What a difference of a metric is divided by.

    Attributes:
        divisor: a constant; None divides by the absolute value of the same-seed baseline.
        reason: the rule that chose it, for the reader of a report.
    """

    divisor: float | None
    reason: str


def scale_of(metric: str, values: Iterable[float]) -> Scale:
    """The scale of a metric, given by its name and all its values in a comparison, baselines and others.

    1. A metric in :data:`FROM_GUESS_TO_PERFECT`: that constant.
    2. Every value is positive: the same-seed baseline's value, the usual relative gain.
    3. Otherwise 1: gains are plain differences in the metric's own unit.
    """
    if metric in FROM_GUESS_TO_PERFECT:
        divisor = FROM_GUESS_TO_PERFECT[metric]
        return Scale(divisor, f"difference, since {metric} may be zero or negative: 100 % is from guessing to perfect")
    if all(value > 0 for value in values if isfinite(value)):
        return Scale(None, "relative to the same-seed baseline")
    return Scale(1.0, "plain difference, since some values are zero or negative")


def gain(value: float, baseline: float, *, higher_is_better: bool, scale: Scale) -> float:
    """Signed gain, 0.05 being 5 % better: ``s (value - baseline) / divisor``, s = -1 where lower is better."""
    sign = 1.0 if higher_is_better else -1.0
    divisor = abs(baseline) if scale.divisor is None else scale.divisor
    return sign * (value - baseline) / divisor


def delta_m(gains: Sequence[float]) -> float:
    """Mean gain over the tasks, ``(1/K) sum_i gain_i``; NaN when a task was not measured.

    Source: Maninis, Radosavovic, Kokkinos, "Attentive Single-Tasking of Multiple Tasks", CVPR 2019,
    https://arxiv.org/abs/1904.08918 (section 5).

    Deviation: the paper always divides by the baseline; :func:`scale_of` says where we do not. Baselines are runs of
    the same seed.
    """
    return sum(gains) / len(gains) if gains else nan
