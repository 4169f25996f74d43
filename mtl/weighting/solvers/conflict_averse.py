"""The best worst-case improvement within a ball around the mean gradient."""

from math import sqrt

import numpy as np
from scipy.linalg.lapack import dgesv
from torch import Tensor

from mtl.weighting.solvers.quadratic import Array, array, comparable, nonnegative_qp, shortest, tensor

STATIONARY = 1e-8  # squared length of the shortest convex combination, relative to the longest gradient
STEPS = 100


def conflict_averse(gramian: Tensor, c: float) -> Tensor:
    """Weights of ``argmax_d min_i g_i'd`` subject to ``|d - g_0| <= c |g_0|``, with ``g_0`` the mean of the gradients.

    A direction that reaches the level m, ``g_i'd >= m`` for all i, is nearest to ``g_0`` at ``d = g_0 + J'x``, where
    ``x >= 0`` minimises ``1/2 x'Gx + (G1/K - m 1)'x``. Its distance rises with m, so the best level is where it equals
    the radius: found by solving, for the x that are positive, a quadratic equation in m, inside a bracket.

    Where a convex combination of the gradients is zero no level above 0 can be reached, and among all solutions the one
    nearest to ``g_0`` is taken.
    """
    g, units = comparable(array(gramian))  # of gradients divided by units, as are x, the mean and the level below
    tasks = len(g)
    mean = (g * units).sum(1) / tasks
    square = sum((mean * units).tolist()) / tasks  # |g_0|^2
    radius = c * c * square  # squared

    def reach(level: float) -> tuple[Array, float]:
        x = nonnegative_qp(g, mean - level / units)
        return x, float(x @ g @ x)

    low, high = min((mean * units).tolist()), (1 + c) * square
    # The level of the mean, over its length, is at most the length of the shortest: mostly that tells enough
    least = min(mean.tolist())
    if least <= 0 or least * least < STATIONARY * square:
        w = shortest(g, np.ones(tasks))
        if float(w @ g @ w) < STATIONARY:
            high = max(0.0, low)
    level = high
    x, distance = reach(level)
    for _ in range(STEPS):
        if abs(distance - radius) <= 1e-12 * radius or (level == high and distance <= radius):
            break
        low, high = (level, high) if distance < radius else (low, level)
        level = 0.5 * (low + high)
        positive = np.flatnonzero(x)
        if len(positive):
            inner, known, one = g, mean, units
            if len(positive) < tasks:
                inner, known, one = g[np.ix_(positive, positive)], mean[positive], units[positive]
            _, _, solved, _ = dgesv(inner, np.array([1 / one, known]).T)
            (two, first), rest = (solved / one[:, None]).sum(0).tolist(), float(known @ solved[:, 1])
            guess = (first + sqrt(max(first * first - two * (rest - radius), 0.0))) / two
            level = guess if low < guess < high else level
        x, distance = reach(level)
    return tensor(1 / tasks + x / units, gramian)
