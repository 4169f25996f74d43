"""Intervals by resampling."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

RESAMPLES = 9999


def bootstrap_interval(values: ArrayLike, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Expanded percentile bootstrap interval of the mean; NaN for fewer than two values.

    Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015,
    https://arxiv.org/abs/1411.5279 (section 4.3).

    The plain percentile interval of few values is too narrow. Here the share cut off at each end is
    ``Phi(-sqrt(n / (n - 1)) t)`` with ``t`` the quantile of Student's distribution with n - 1 degrees of freedom at
    ``(1 + level) / 2``, so that for normal values the interval is as wide as Student's. It cannot reach beyond the
    values themselves: three of them give their range, which is narrower than a 95 % interval ought to be.

    Args:
        values: ``[n]``, one per seed.
        level: confidence.
        seed: of the resampling.

    Returns:
        Its lower and its upper end.
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2 or not np.isfinite(x).all():
        return (float("nan"), float("nan"))
    draws = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n))
    means = x[draws].mean(1)
    tail = stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf((1 + level) / 2, n - 1))
    low, high = np.quantile(means, [tail, 1 - tail])
    return (float(low), float(high))
