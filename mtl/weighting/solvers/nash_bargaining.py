"""The Nash bargaining solution, and other fair divisions of the improvement: ``G w = w^-p``."""

from math import log, sqrt
from operator import itemgetter

import numpy as np
from scipy.linalg.lapack import dposv
from torch import Tensor

from mtl.weighting.solvers.quadratic import Array, array, tensor

RIDGE = 1e-6  # of each diagonal element: opposed gradients, which have no finite solution, get large weights instead
STEPS = 100


def nash_bargaining(gramian: Tensor, power: float = 1.0) -> Tensor:
    """``w > 0`` with ``(Gw)_i = w_i^-p``, by damped Newton steps on ``1/2 w'Gw - sum_i phi(w_i)``, ``phi'(w) = w^-p``.

    That function is convex, so a backtracking search always succeeds; after each step the whole of w is stretched to
    its best length, which nearly opposed gradients would take many steps to find. It is minimised in ``v = w / s`` with
    ``s_i = G_ii^(-1 / (1 + p))``, where gradients of any size have numbers near 1. A task without gradient has no
    bearing on the direction; it gets the mean of the other weights, so that its head goes on learning.

    Args:
        gramian: G, ``[K, K]``.
        power: p. 1 is Nash bargaining, where the product of the gains ``(Gw)_i`` is largest among updates of one
            length.

    Returns:
        ``w [K]``.
    """
    g = array(gramian)
    sizes = g.diagonal()
    nonzero = sizes > 1e-30 * max(*sizes.tolist(), 1e-300)
    if np.count_nonzero(nonzero) == len(g):
        return tensor(_newton(g, power), gramian)
    out = np.ones(len(g))
    if np.count_nonzero(nonzero):
        out[nonzero] = _newton(g[np.ix_(nonzero, nonzero)], power)
        out[~nonzero] = out[nonzero].mean()
    return tensor(out, gramian)


def _newton(g: Array, p: float) -> Array:
    unit = g.diagonal() ** (-1 / (1 + p))  # s
    price = unit ** (1 - p)  # of the scaled task's phi, relative to the largest
    largest = max(price.tolist())
    h, price = unit[:, None] * g * (unit / largest), price / largest
    count = sum(price.tolist())
    curved = h + RIDGE * np.diag(h.diagonal())
    h = curved.copy()
    spine = curved.reshape(-1)[:: len(h) + 1]
    sizes = h.diagonal()

    def stretched(x: Array) -> tuple[Array, Array, float]:
        """The best multiple v of x, Hv and the function's value: opposed gradients need large weights, not unlike."""
        hx = h @ x
        square = float(x @ hx)
        if p == 1:
            t = sqrt(count / square)
            gain = float(price @ np.log(x)) + count * log(t)
        else:
            inner = float(price @ x ** (1 - p))
            t = (inner / square) ** (1 / (1 + p))
            gain = t ** (1 - p) * inner / (1 - p)
        return t * x, t * hx, 0.5 * t * t * square - gain

    # From where gradients of one direction, or opposed ones, are in balance, if that is nearer than equal shares
    starts = [np.ones(len(h))] if p == 1 else [np.ones(len(h)), sizes**-0.5]  # with p = 1 the sizes are 1
    v, hv, value = min(map(stretched, starts), key=itemgetter(2))
    for _ in range(STEPS):
        pull = price / v**p
        slope = hv - pull
        spine[:] = sizes + p * pull / v
        _, move, _ = dposv(curved, slope)
        decrement = float(slope @ move)
        longest = max((move / v).tolist())  # where v reaches 0
        step = 0.95 / longest if longest > 0.95 else 1.0
        if decrement < 1e-10 * (1 + abs(value)):  # that much is left to gain, and after one more step nothing
            v = v - step * move
            break
        found = stretched(v - step * move)
        while step > 1e-10 and found[2] > value - 1e-4 * step * decrement:
            step /= 2
            found = stretched(v - step * move)
        v, hv, value = found
    out: Array = unit * v
    return out
