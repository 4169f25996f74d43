"""What cannot be improved without a sacrifice, and how much ground it covers."""

from math import nan

import numpy as np
from numpy.typing import ArrayLike

MOST_WORK = 50_000  # points ** (objectives - 1): slicing takes up to about a second


def front(points: ArrayLike) -> list[bool]:
    """Which points ``[n, m]`` no other beats: at least as high everywhere and higher somewhere. A NaN never belongs."""
    x = np.asarray(points, dtype=float)
    beats = (x[:, None] >= x[None]).all(-1) & (x[:, None] > x[None]).any(-1)  # [i, j]: i beats j
    return [bool(ok) for ok in ~beats.any(0) & np.isfinite(x).all(-1)]


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that points ``[n, m]`` dominate above a reference point ``[m]``, higher being better; exact, by slicing.

    Source: While, Hingston, Barone, Huband, "A Faster Algorithm for Calculating Hypervolume", IEEE Transactions on
    Evolutionary Computation 10, 2006, https://doi.org/10.1109/TEVC.2005.851275 (hypervolume by slicing objectives).
    Meant for tens of points and few objectives.
    """
    x = np.asarray(points, dtype=float) - np.asarray(reference, dtype=float)
    return _volume(x[(x > 0).all(-1)])


def hypervolume_contributions(points: np.ndarray) -> list[float]:
    """Share of the volume that points ``[n, m]`` dominate together which is lost without each of them.

    Each objective is scaled to [0, 1] between its worst and its best value; the reference is a tenth below the worst.
    NaN where slicing would take seconds (:data:`MOST_WORK`), and where a value is not finite.
    """
    count, objectives = points.shape
    if not np.isfinite(points).all() or count ** (objectives - 1) > MOST_WORK:
        return [nan] * len(points)
    low, span = points.min(0), np.ptp(points, 0)
    x = (points - low) / np.where(span > 0, span, 1.0)
    reference = np.full(points.shape[1], -0.1)
    whole = hypervolume(x, reference)
    return [(whole - hypervolume(np.delete(x, i, 0), reference)) / whole for i in range(len(x))]


def _volume(x: np.ndarray) -> float:
    if not len(x):
        return 0.0
    if x.shape[1] == 1:
        return float(x.max())
    x = x[np.array(front(x))]
    x = np.unique(x, axis=0)
    x = x[np.argsort(-x[:, 0])]
    edges = np.append(x[:, 0], 0.0)
    # Between two neighbouring values of the first objective the same points count in the others
    return float(
        sum((edges[i] - edges[i + 1]) * _volume(x[: i + 1, 1:]) for i in range(len(x)) if edges[i] > edges[i + 1])
    )
