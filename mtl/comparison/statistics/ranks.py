"""Ranks of configurations."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def mean_ranks(scores: ArrayLike) -> list[float]:
    """Mean rank over blocks, scores ``[blocks, C]``, higher being better, 1 being best; ties share their ranks."""
    table = np.asarray(scores, dtype=float)
    return [float(rank) for rank in stats.rankdata(-table, axis=1, nan_policy="omit").mean(0)]
