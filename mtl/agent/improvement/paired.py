"""Is one policy better than another on instances that both have solved? A mean difference with its interval."""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from scipy.special import stdtrit
from torch import Tensor

from mtl.errors import InputError

ROUNDING = 1e-6  # of the largest one, by which differences are apart that are equal but for rounding


class Difference(NamedTuple):
    """A mean difference and its interval.

    Attributes:
        mean: of the difference.
        low: lower end of the interval.
        high: upper end.
    """

    mean: float
    low: float
    high: float


def mean_difference(groups: Mapping[str, Tensor], alpha: float) -> Difference:
    """The mean over groups of the mean difference in each, with its two-sided interval at level ``1 - alpha``.

    With the mean ``d_g`` and the variance ``s_g^2`` of the ``n_g`` differences of group g, the estimate is
    ``sum_g d_g / G``, its variance ``sum_g v_g`` with ``v_g = s_g^2 / (G^2 n_g)``, and the quantile that of Student's t
    with ``(sum_g v_g)^2 / sum_g (v_g^2 / (n_g - 1))`` degrees of freedom: B. L. Welch, "The generalization of
    'Student's' problem when several different population variances are involved", Biometrika 34, 1947,
    https://doi.org/10.1093/biomet/34.1-2.28.

    Differences that are all equal, but for rounding, do not tell how they vary. N of them are on one side of 0 by
    chance once in ``2^(N - 1)`` times (the sign test); where that is more often than alpha, the interval reaches down
    to 0.

    Args:
        groups: by name, the differences of its instances ``[N]``, which are independent of each other.
        alpha: share of the intervals that may miss the true mean.

    Returns:
        The estimate and its interval.

    Raises:
        InputError: a group has fewer than two instances, which do not tell how much they differ.
    """
    means, variances, degrees = [], [], []
    for name, values in groups.items():
        count = len(values)
        if count < 2:
            raise InputError(f"validation instances {name}: expected at least 2, and there is {count}")
        found = values.double()
        equal = bool(found.max() - found.min() <= ROUNDING * found.abs().max())
        means.append(float(found.mean()))
        variances.append(0.0 if equal else float(found.var()) / (len(groups) ** 2 * count))
        degrees.append(count - 1)
    mean, variance = sum(means) / len(means), sum(variances)
    if variance == 0.0:
        luck = 0.5 ** (sum(map(len, groups.values())) - 1)
        return Difference(mean, mean, mean) if luck <= alpha else Difference(mean, min(mean, 0.0), max(mean, 0.0))
    freedom = variance**2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    half = float(stdtrit(freedom, 1.0 - alpha / 2)) * sqrt(variance)
    return Difference(mean, mean - half, mean + half)
