"""Linear programs over weights."""

import numpy as np
from scipy.optimize import linprog

from mtl.weighting.solvers.quadratic import Array


def best_on_simplex(gain: Array, matrix: Array, least: Array) -> Array | None:
    """``argmax_w gain'w`` over the simplex, subject to ``matrix w >= least``; None where nothing meets that.

    Args:
        gain: ``[K]``.
        matrix: ``[N, K]``.
        least: ``[N]``; minus infinity asks for nothing.

    Returns:
        ``[K]``.
    """
    asked = np.isfinite(least)
    found = linprog(-gain, -matrix[asked], -least[asked], np.ones((1, len(gain))), [1.0], method="highs").x
    return None if found is None else normalised(found)


def best_worst_on_simplex(matrix: Array, row: Array, least: float) -> Array | None:
    """``argmax_w min_i (matrix w)_i`` over the simplex, subject to ``row'w >= least``; None where nothing meets that.

    Args:
        matrix: ``[N, K]``.
        row: ``[K]``.
        least: see above.

    Returns:
        ``[K]``.
    """
    count = matrix.shape[1]
    worst = np.concatenate([-matrix, np.ones((len(matrix), 1))], 1)  # the least product is one unknown more
    conditions = np.concatenate([worst, np.append(-row, 0.0)[None]])
    sides = np.append(np.zeros(len(matrix)), -least)
    bounds = [(0.0, None)] * count + [(None, None)]
    aim, ones = np.append(np.zeros(count), -1.0), np.append(np.ones(count), 0.0)[None]
    found = linprog(aim, conditions, sides, ones, [1.0], bounds, method="highs").x
    return None if found is None else normalised(found[:count])


def normalised(values: Array) -> Array:
    """What a solver gives for weights on the simplex, exactly on it."""
    weights = np.maximum(values, 0.0)
    out: Array = weights / weights.sum()
    return out
