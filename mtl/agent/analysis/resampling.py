"""Intervals by drawing groups of rows again, with replacement."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
Numbers = NDArray[np.float64]


def group_numbers(groups: Numbers | NDArray[np.int64] | None, rows: int) -> NDArray[np.int64]:
    """The number of each row's group, from 0, ``[rows]``; without groups each row is one of its own."""
    if groups is None:
        return np.arange(rows)
    return np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int64)


def sums_by_group(values: Numbers, numbers: NDArray[np.int64]) -> Numbers:
    """Sums over the rows of each group, ``[..., rows] -> [..., groups]``."""
    found = np.zeros((*values.shape[:-1], int(numbers.max()) + 1))
    np.add.at(found, (..., numbers), values)
    return found


def draws_of_groups(count: int, seed: int = 0, draws: int = DRAWS) -> Numbers:
    """How often each group is drawn, ``[draws, count]``; each draw has ``count`` of them, with replacement.

    The bootstrap of groups: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8,
    https://doi.org/10.1201/9780429246593.
    """
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def percentile_interval(values: Numbers, alpha: float) -> tuple[float, float]:
    """The middle share ``1 - alpha`` of drawn values; values that are no numbers are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
