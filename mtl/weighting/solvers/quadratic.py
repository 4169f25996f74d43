"""Quadratic programs over the nonnegative orthant, and what methods make of them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
RIDGE = 1e-10  # relative to the largest diagonal element: makes rank-deficient problems definite
TOLERANCE = 1e-9


def array(values: Tensor) -> Array:
    """A tensor as a double-precision array."""
    return values.detach().cpu().double().numpy()


def tensor(values: Array, like: Tensor) -> Tensor:
    """An array as a tensor on the device of another, in double precision."""
    return torch.from_numpy(values).to(like.device)


def nonnegative_qp(quadratic: Array, linear: Array) -> Array:
    """``argmin_{x >= 0} 1/2 x'Qx + c'x`` for positive definite Q ``[K, K]``, by block principal pivoting.

    A guess which x are positive is solved for, and all that contradict it change sides; when that stops helping, one at
    a time does (Murty's rule, which ends for every positive definite Q).
    """
    size = len(linear)
    positive = linear < 0
    least, tries = size + 1, 3
    x: Array = np.zeros(size, dtype=np.float64)
    for _ in range(100 + 20 * size):
        if positive.all():
            x[:] = np.linalg.solve(quadratic, -linear)
            wrong = x < -TOLERANCE
        else:
            x = np.zeros(size)
            if positive.any():
                x[positive] = np.linalg.solve(quadratic[np.ix_(positive, positive)], -linear[positive])
            wrong = np.where(positive, x, quadratic @ x + linear) < -TOLERANCE
        count = int(np.count_nonzero(wrong))
        if count == 0:
            break
        if count < least:
            least, tries = count, 3
        elif tries > 0:
            tries -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        positive = positive ^ wrong
    return x.clip(min=0)


def scaled(gramian: Array) -> tuple[Array, float]:
    """The Gramian divided by its largest diagonal element, with the ridge on it, and that element (1 if all are 0)."""
    size = float(gramian.diagonal().max())
    size = size if size > 0 else 1.0
    out = gramian / size
    out.flat[:: len(out) + 1] += RIDGE
    return out, size


def min_norm(gramian: Tensor) -> Tensor:
    """``argmin w'Gw`` over the simplex: the weights of the shortest vector in the convex hull of the task gradients.

    With ``Q = G + 11'``, the solution x of ``min_{x >= 0} 1/2 x'Qx - 1'x`` meets ``Gx >= (1 - 1'x) 1`` with equality
    where x > 0, which are the optimality conditions of ``w = x / 1'x``.
    """
    g, _ = scaled(array(gramian))
    return tensor(shortest(g), gramian)


def shortest(gramian: Array) -> Array:
    """The same for a scaled Gramian."""
    x = nonnegative_qp(gramian + 1.0, -np.ones(len(gramian)))
    out: Array = x / x.sum()
    return out


def project(gramian: Tensor, weights: Tensor) -> Tensor:
    """Weights ``[..., K]`` of ``J'w`` to those of its projection onto the dual cone ``{d: Jd >= 0}``.

    The projection is ``J'v`` with ``v = argmin_{v >= w} v'Gv``, and ``v = w + x`` where ``x >= 0`` minimises
    ``1/2 x'Gx + (Gw)'x``.
    """
    g, _ = scaled(array(gramian))
    rows = np.atleast_2d(array(weights))
    out = np.stack([row + nonnegative_qp(g, g @ row) for row in rows])
    return tensor(out.reshape(weights.shape), gramian)


def project_simplex(values: Array) -> Array:
    """The point of the simplex nearest to ``values [K]``."""
    falling = np.sort(values)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    last = np.flatnonzero(falling > excess)[-1]
    out: Array = (values - excess[last]).clip(min=0)
    return out
