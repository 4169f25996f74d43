"""Bargaining problems: ``G w = w^-p``."""

import numpy as np
from scipy.linalg.lapack import dposv
from torch import Tensor

from mtl.weighting.solvers.quadratic import Array, array, tensor

RIDGE = 1e-6  # of each diagonal element: opposed gradients, which have no finite solution, get large weights instead
STEPS = 100


def bargain(gramian: Tensor, power: float = 1.0) -> Tensor:
    """``w > 0`` with ``(Gw)_i = w_i^-p``, by damped Newton steps on ``1/2 w'Gw - sum_i phi(w_i)``, ``phi'(w) = w^-p``.

    That function is convex, so a backtracking search always succeeds; after each step the whole of w is stretched to
    its best length, which nearly opposed gradients would take many steps to find. It is minimised in ``v = w / s`` with
    ``s_i = G_ii^(-1 / (1 + p))``, where gradients of any size have numbers near 1. A task without gradient has no
    bearing on the direction; it gets the mean of the other weights, so that its head goes on learning.
    """
    g = array(gramian)
    out = np.ones(len(g))
    live = g.diagonal() > 1e-30 * max(float(g.diagonal().max()), 1e-300)
    if np.count_nonzero(live) == len(g):
        out = _newton(g, power)
    elif live.any():
        out[live] = _newton(g[np.ix_(live, live)], power)
        out[~live] = out[live].mean()
    return tensor(out, gramian)


def _newton(g: Array, p: float) -> Array:
    unit = g.diagonal() ** (-1 / (1 + p))  # s
    price = unit ** (1 - p)  # of the scaled task's phi, relative to the largest
    h = unit[:, None] * g * unit
    h, price = h / price.max(), price / price.max()
    sizes = h.diagonal().copy()
    diagonal = slice(None, None, len(h) + 1)
    h.reshape(-1)[diagonal] += RIDGE * sizes

    def value(x: Array) -> float:
        gain = np.log(x) if p == 1 else x ** (1 - p) / (1 - p)
        return float(0.5 * x @ h @ x - price @ gain)

    def stretched(x: Array) -> Array:
        """The best multiple of x: what opposed gradients need, whose weights are large, not different."""
        out: Array = x * float(price @ x ** (1 - p) / (x @ h @ x)) ** (1 / (1 + p))
        return out

    # From where gradients of one direction, or opposed ones, are in balance, if that is nearer than equal shares
    v = min(stretched(np.ones(len(h))), stretched(sizes**-0.5), key=value)
    for _ in range(STEPS):
        now = value(v)
        pull = price * v**-p
        slope = h @ v - pull
        curved = h.copy()
        curved.reshape(-1)[diagonal] += p * pull / v
        _, move, _ = dposv(curved, -slope)
        decrement = float(-slope @ move)
        down = move < 0
        step = min(1.0, 0.95 * float((v[down] / -move[down]).min())) if np.count_nonzero(down) else 1.0
        if decrement < 1e-10 * (1 + abs(now)):  # that much is left to gain, and after one more step nothing
            v = v + step * move
            break
        while step > 1e-10 and value(v + step * move) > now - 1e-4 * step * decrement:
            step /= 2
        v = stretched(v + step * move)
    out: Array = unit * v
    return out
