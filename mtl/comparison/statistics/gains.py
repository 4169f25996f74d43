"""How much better a configuration is than its baseline, in one unit for all metrics; positive is better."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

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
        divisor: a constant; None divides by the mean of the baseline over the seeds.
        reason: the rule that chose it, for the reader of a report.
    """

    divisor: float | None
    reason: str


RELATIVE = Scale(None, "relative to the mean of the baseline")
PLAIN = Scale(
    1.0, "plain difference, since some values are negative, or zero in the baseline: 100 % is 1 in its own unit"
)


def scale_of(metric: str, values: Iterable[float], baseline: Iterable[float]) -> Scale:
    """The scale of a metric, given by its name and its values in a comparison.

    1. A metric in :data:`FROM_GUESS_TO_PERFECT`: that constant.
    2. No value is negative, and each of the baseline's is positive: the baseline's mean, the usual relative gain. So a
       configuration that fails, with an F1 of 0, changes the gains of no other.
    3. Otherwise 1: gains are plain differences in the metric's own unit.

    Args:
        metric: its name.
        values: of all runs.
        baseline: those of the runs that gains are over.

    Returns:
        The scale.
    """
    if metric in FROM_GUESS_TO_PERFECT:
        divisor = FROM_GUESS_TO_PERFECT[metric]
        return Scale(divisor, f"difference, since {metric} may be zero or negative: 100 % is from guessing to perfect")
    if all(value >= 0 for value in values if isfinite(value)) and all(b > 0 for b in baseline if isfinite(b)):
        return RELATIVE
    return PLAIN


def gains(values: np.ndarray, baseline: np.ndarray, *, higher_is_better: bool, scale: Scale) -> np.ndarray:
    """Signed gains over the *mean* baseline, whose mean is the gain of the means; 0.05 is 5 % better.

    With a constant divisor D they are ``s (x - b) / D``, s = -1 where lower is better. Relative gains are those of the
    ratio ``R = mean x / mean b``, linearised: ``s (R - 1 + (x - R b) / mean b)``, by the delta method. Their mean is
    ``s (R - 1)`` exactly, and their spread is that of the ratio. A mean of ratios to each seed's own baseline would be
    biased where the baseline is noisy (by minus the square of its coefficient of variation for errors). Over a mean
    that is zero or negative nothing is relative: then gains are NaN.

    Args:
        values: x, of the configuration: ``[n]`` or ``[n, m]``, seeds times rows.
        baseline: b, of the baseline, of the same shape.
        higher_is_better: the metric's direction.
        scale: of the metric.

    Returns:
        Gains of the same shape.
    """
    sign = 1.0 if higher_is_better else -1.0
    if scale.divisor is not None:
        return np.asarray(sign * (values - baseline) / scale.divisor)
    if not baseline.size:
        return np.asarray(sign * (values - baseline))
    mean = baseline.mean()
    if not mean > 0:
        return np.full(values.shape, nan)
    ratio = values.mean() / mean
    return np.asarray(sign * (ratio - 1 + (values - ratio * baseline) / mean))
