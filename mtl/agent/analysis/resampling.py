"""Intervals by drawing groups of rows again, with replacement."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mtl.runs.contributions import effective_number

DRAWS, FEWEST_DRAWS = 1000, 200
NUMBERS_DRAWN = 5_000_000  # in all, of very many groups
FEW = 20  # groups below which draws alone differ too little: of 2 half of such 95 % intervals miss, of 6 one in six
ROUNDING = 1e-12  # share of a mean by which those of groups of equal values may differ
Numbers = NDArray[np.float64]


def group_numbers(groups: Numbers | NDArray[np.int64] | None, rows: int) -> NDArray[np.int64]:
    """The number of each row's group, from 0, ``[rows]``; without groups each row is one of its own."""
    if groups is None:
        return np.arange(rows)
    return np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int64)


def sums_by_group(values: Numbers, numbers: NDArray[np.int64]) -> Numbers:
    """Sums over the rows of each group, ``[..., rows] -> [..., groups]``."""
    rows = values.reshape(-1, values.shape[-1])
    return np.array([np.bincount(numbers, row) for row in rows]).reshape(*values.shape[:-1], -1)


def resampled(sums: Numbers, seed: int = 0) -> Numbers:
    """Sums over groups that are drawn again, with replacement: ``[S, groups] -> [draws, S]``.

    The bootstrap of groups: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8,
    https://doi.org/10.1201/9780429246593. There are 1,000 draws; of very many groups fewer, at least 200, as then they
    differ little.

    Args:
        sums: over the rows of each group.
        seed: of the draws.

    Returns:
        The sums over as many groups as there are, in each draw; no draw of a single group, which does not tell how much
        groups differ.
    """
    count = sums.shape[1]
    if count < 2:
        return np.empty((0, len(sums)))
    draws = max(FEWEST_DRAWS, min(DRAWS, NUMBERS_DRAWN // count))
    random, shares = np.random.default_rng(seed), np.full(count, 1 / count)
    found = [random.multinomial(count, shares) @ sums.T for _ in range(draws)]  # one by one, as groups may be many
    return np.asarray(found, dtype=np.float64)


def percentile_interval(values: Numbers, alpha: float) -> tuple[float, float]:
    """The middle share ``1 - alpha`` of drawn values; values that are no numbers are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def mean_interval(values: Numbers, alpha: float, counts: Numbers | None = None) -> tuple[float, float]:
    """The interval of a mean over rows, whose groups are drawn again; of few groups no narrower than Student's t.

    With the sums ``v_g``, the rows ``n_g`` and the mean m, the variance of the mean over groups is ``G / (G - 1) sum_g
    (v_g - m n_g)^2 / (sum_g n_g)^2`` with G - 1 degrees of freedom. Of groups of unlike size G is their
    :func:`~mtl.runs.contributions.effective_number`.

    Args:
        values: sums over the rows of each group, ``[groups]``.
        alpha: share of the intervals that may miss the true mean.
        counts: rows of each group, ``[groups]``; None: each is one row.

    Returns:
        Both ends; NaN of a single group, and of groups that are all alike: neither tells how much others may differ.
    """
    each = np.ones(len(values)) if counts is None else counts
    of_groups = values / each
    if np.ptp(of_groups) <= ROUNDING * np.abs(of_groups).max():
        return float("nan"), float("nan")
    drawn = resampled(values[None] if counts is None else np.stack([values, counts]))
    low, high = percentile_interval(drawn[:, 0] / (len(values) if counts is None else drawn[:, 1]), alpha)
    effective = effective_number(each)
    if 1 < effective < FEW:
        mean = values.sum() / each.sum()
        variance = effective / (effective - 1) * float(((values - mean * each) ** 2).sum()) / each.sum() ** 2
        half = float(stdtrit(effective - 1, 1 - alpha / 2)) * variance**0.5
        low, high = min(low, float(mean - half)), max(high, float(mean + half))
    return low, high


def with_interval(mean: float, low: float, high: float, form: str) -> str:
    """A mean with its interval in brackets, each in the given format; the mean alone where there is no interval."""
    return f"{mean:{form}} ({low:{form}} to {high:{form}})" if isfinite(low) else f"{mean:{form}}"
