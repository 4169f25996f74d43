"""Tests on differences between runs of the same seed, and what few seeds can show at all."""

from bisect import bisect_left
from collections.abc import Sequence
from math import gamma, inf, isfinite, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

MOST_EXACT = 16  # values; beyond, 2^n sign patterns are too many to go through, and a random sample of them will do
RESAMPLES = 9999


class Paired(NamedTuple):
    """Evidence that the mean of n differences is not zero.

    Attributes:
        n: pairs.
        mean, sd: of the differences.
        p: two-sided p-value of the paired t test.
        p_exact: two-sided p-value of the sign-flip test, which assumes symmetry only; never below ``smallest_p(n)``.
        effect: Hedges' g of paired differences, ``hedges(n) mean / sd``.
    """

    n: int
    mean: float
    sd: float
    p: float
    p_exact: float
    effect: float


def paired(differences: ArrayLike) -> Paired:
    """Test differences ``[n]`` against zero. With fewer than two, or one not finite, there is no evidence: p = 1."""
    d = np.asarray(differences, dtype=float)
    n = len(d)
    mean = float(d.mean()) if n else nan
    if n < 2 or not np.isfinite(d).all():
        return Paired(n, mean, nan, 1.0, 1.0, nan)
    sd = float(d.std(ddof=1))
    exact = sign_flip(d)
    if sd <= 1e-12 * abs(mean) or sd == 0:
        # Differences that do not vary tell nothing about how they would: Student's t is infinite or undefined
        return Paired(n, mean, sd, exact, exact, nan)
    p = float(2 * stats.t.sf(abs(mean) * sqrt(n) / sd, n - 1))
    return Paired(n, mean, sd, p, exact, hedges(n) * mean / sd)


def hedges(n: int) -> float:
    """Factor that removes the bias of a standardised mean of n values: ``G(m/2) / (sqrt(m/2) G((m-1)/2))``, m = n - 1.

    Source: Hedges, "Distribution Theory for Glass's Estimator of Effect Size and Related Estimators", Journal of
    Educational Statistics 6, 1981, https://doi.org/10.3102/10769986006002107. G is the gamma function; with one degree
    of freedom the factor is not defined: NaN.
    """
    m = n - 1
    if m < 2:
        return nan
    return gamma(m / 2) / (sqrt(m / 2) * gamma((m - 1) / 2)) if m < 300 else 1 - 3 / (4 * m - 1)


def sign_flip(d: np.ndarray) -> float:
    """Two-sided p-value of the sign-flip test of ``mean = 0``: exact to 16 values, by random flips beyond."""
    few = len(d) <= MOST_EXACT
    found = stats.permutation_test(
        (d,),
        np.sum,
        permutation_type="samples",
        n_resamples=inf if few else RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def smallest_p(n: int) -> float:
    """The smallest two-sided p-value that n pairs can reach without assuming a distribution: ``2 / 2^n``."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values: rejecting those below alpha keeps the chance of any false rejection at most alpha.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979,
    https://www.jstor.org/stable/4615733. ``p~_(i) = max_{j <= i} min(1, (m - j + 1) p_(j))``.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, largest = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - place) * p[i]))
        out[i] = largest
    return out


def equivalence(differences: ArrayLike, margin: float) -> float:
    """p-value for "the mean lies within +-margin": the larger of two one-sided t tests.

    Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987, https://doi.org/10.1007/BF01068419.
    """
    d = np.asarray(differences, dtype=float)
    if len(d) < 2 or not np.isfinite(d).all():
        return 1.0
    mean, error = float(d.mean()), float(d.std(ddof=1)) / sqrt(len(d))
    if error <= 1e-12 * abs(mean) or error == 0:
        return 0.0 if abs(mean) < margin else 1.0  # runs whose difference is the same at every seed
    return float(stats.t.sf((margin - abs(mean)) / error, len(d) - 1))


def seeds_needed(effect: float, alpha: float, power: float = 0.8, most: int = 1000) -> int | None:
    """Least n at which a two-sided paired t test finds an effect (mean / sd) with this power; None beyond ``most``."""
    if not isfinite(effect) or effect == 0:
        return None

    def finds(n: int) -> bool:
        critical = stats.t.ppf(1 - alpha / 2, n - 1)
        return bool(stats.nct.sf(critical, n - 1, abs(effect) * sqrt(n)) >= power)

    if not finds(most):
        return None
    return bisect_left(range(most + 1), True, lo=2, key=finds)  # power grows with n
