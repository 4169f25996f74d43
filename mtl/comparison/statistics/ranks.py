"""Ranks of configurations, and how far apart mean ranks must be to differ."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Ranking(NamedTuple):
    """Ranks of configurations over blocks.

    Attributes:
        mean: mean rank of each configuration, 1 being best, ``[C]``.
        p: of the Friedman test that all configurations rank alike; NaN with fewer than 3 configurations or 2 blocks.
        critical_difference: mean ranks this far apart differ (Nemenyi, at alpha); NaN where p is.
    """

    mean: list[float]
    p: float
    critical_difference: float


def mean_ranks(scores: ArrayLike) -> list[float]:
    """Mean rank over blocks, scores ``[blocks, C]``, higher being better; ties share their ranks."""
    table = np.asarray(scores, dtype=float)
    return [float(rank) for rank in stats.rankdata(-table, axis=1).mean(0)]


def ranking(scores: ArrayLike, alpha: float = 0.05) -> Ranking:
    """Mean ranks, Friedman test and Nemenyi's critical difference; scores ``[blocks, C]``, higher being better.

    Source: Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006,
    https://jmlr.org/papers/v7/demsar06a.html. ``CD = q sqrt(C (C + 1) / (6 blocks))`` with ``q`` the quantile of the
    studentised range divided by sqrt 2.

    Deviation: blocks are seeds of one data set where the paper has data sets, so conclusions are about this data set.
    """
    table = np.asarray(scores, dtype=float)
    blocks, count = table.shape
    mean = mean_ranks(table)
    if count < 3 or blocks < 2 or not np.isfinite(table).all():
        return Ranking(mean, float("nan"), float("nan"))
    q = stats.studentized_range.ppf(1 - alpha, count, np.inf) / np.sqrt(2)
    with np.errstate(all="ignore"):  # all tied: the statistic is 0 / 0, and nothing differs
        p = float(stats.friedmanchisquare(*table.T).pvalue)
    return Ranking(mean, 1.0 if np.isnan(p) else p, float(q * np.sqrt(count * (count + 1) / (6 * blocks))))
