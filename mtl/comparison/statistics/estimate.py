"""A mean with its standard error, over seeds and test rows together, and the interval that follows."""

from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

Interval = tuple[float, float]
NO_INTERVAL: Interval = (nan, nan)


@dataclass(frozen=True)
class Estimate:
    """A mean and how well it is known.

    Attributes:
        mean: the estimate.
        error: its standard error; NaN where one seed or less leaves it unknown.
        df: degrees of freedom of that error.
    """

    mean: float
    error: float
    df: float

    def interval(self, alpha: float) -> Interval:
        """Student's t interval that misses the truth with probability ``alpha``; NaN where the error is unknown."""
        if not isfinite(self.error):
            return NO_INTERVAL
        half = float(stats.t.isf(alpha / 2, self.df)) * self.error
        return self.mean - half, self.mean + half

    def detectable(self, alpha: float, power: float = 0.8) -> float:
        """The true mean that an interval of this width would leave zero outside of, with this probability.

        ``error (t_{1 - alpha/2} + t_power)`` with quantiles of Student's distribution, the usual approximation to the
        noncentral one; NaN where the error is unknown.
        """
        if not isfinite(self.error):
            return nan
        return self.error * float(stats.t.isf(alpha / 2, self.df) + stats.t.ppf(power, self.df))


def over_seeds(values: ArrayLike) -> Estimate:
    """The mean of ``[n]`` values, one per seed, whose error is that over the seeds alone."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    mean = float(x.mean()) if n else nan
    if n < 2 or not np.isfinite(x).all():
        return Estimate(mean, nan, nan)
    return _known(mean, float(x.var(ddof=1)) / n, n - 1)


def over_seeds_and_rows(values: ArrayLike) -> Estimate:
    """The mean of ``[n, m]`` values, n seeds times m test rows, whose error is that over both.

    ``v_seed`` is the variance of the seeds' means over n, ``v_row`` that of the rows' means over m, ``v_both`` that of
    what is left over n m; each of the first two holds ``v_both`` once. The variance of the mean is
    ``max(v_seed, v_row, v_seed + v_row - v_both)``: the sum estimates it without bias, and the maximum keeps it from
    being smaller than either part. Degrees of freedom are Satterthwaite's, and n - 1 at least.

    Source: two random factors, crossed, as in Searle, Casella, McCulloch, "Variance Components", Wiley 1992, chapter 4;
    Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics Bulletin 2, 1946,
    https://doi.org/10.2307/3002019.

    Args:
        values: ``[n, m]``.

    Returns:
        The estimate; its error is NaN with fewer than two seeds. With one row it is that over the seeds.
    """
    x = np.asarray(values, dtype=float)
    n, m = x.shape
    if n < 2 or m < 2 or not np.isfinite(x).all():
        return over_seeds(x.mean(1) if m else np.full(n, nan))
    of_seeds, of_rows, mean = x.mean(1), x.mean(0), float(x.mean())
    rest = x - of_seeds[:, None] - of_rows[None] + mean
    v_seed = float(of_seeds.var(ddof=1)) / n
    v_row = float(of_rows.var(ddof=1)) / m
    v_both = float((rest**2).sum()) / ((n - 1) * (m - 1)) / (n * m)
    v = max(v_seed, v_row, v_seed + v_row - v_both)
    parts = v_seed**2 / (n - 1) + v_row**2 / (m - 1) + v_both**2 / ((n - 1) * (m - 1))
    return _known(mean, v, max(n - 1.0, v**2 / parts) if parts > 0 else n - 1.0)


def over_splits(values: ArrayLike, test_share: float) -> Estimate:
    """The mean of ``[n]`` values, each of a split of its own into training and test rows: about the population.

    ``v = (1/n + test_share) var``: training rows that splits share make their results alike, which the usual ``var/n``
    does not see.

    Source: Nadeau, Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003,
    https://doi.org/10.1023/A:1024068626366.

    Args:
        values: one per split.
        test_share: test rows over training rows.

    Returns:
        The estimate; its error is NaN with fewer than two splits.
    """
    x = np.asarray(values, dtype=float)
    plain = over_seeds(x)
    if not isfinite(plain.error):
        return plain
    return _known(plain.mean, (1 / len(x) + test_share) * float(x.var(ddof=1)), plain.df)


def _known(mean: float, variance: float, df: float) -> Estimate:
    """An estimate of this variance; values that do not vary, but for rounding, tell how they vary only if all are 0."""
    if variance <= (1e-12 * abs(mean)) ** 2 and mean != 0:
        return Estimate(mean, nan, nan)
    return Estimate(mean, sqrt(variance), df)
