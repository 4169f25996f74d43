"""Quadratic programs over the nonnegative orthant, and what methods make of them."""

from functools import cache
from math import log2

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dgesv, dsyevd  # whose calls cost half of what numpy's do, around a tiny problem
from scipy.optimize import nnls
from torch import Tensor

Array = NDArray[np.float64]
RIDGE = 1e-10  # relative to the largest diagonal element: makes rank-deficient problems definite
ALIKE = 2.0**-10  # least squared length relative to the largest, above which all gradients have one unit
NOTHING = 2.0**-200  # squared length relative to the largest, up to which a gradient is zero
RANK = 1e-7  # relative to the largest eigenvalue: of gradients in single precision less is rounding
TOLERANCE = 1e-9
ROUNDS = 10


def array(values: Tensor) -> Array:
    """A tensor as a double-precision array, row after row in memory."""
    return values.numpy(force=True).astype(np.float64, order="C")


def tensor(values: Array, like: Tensor) -> Tensor:
    """An array as a tensor on the device of another, in double precision."""
    return torch.from_numpy(values).to(like.device)


def nonnegative_qp(quadratic: Array, linear: Array) -> Array:
    """``argmin_{x >= 0} 1/2 x'Qx + c'x`` for positive definite Q ``[K, K]``, by block principal pivoting.

    A guess which x are positive is solved for, and all that contradict it change sides. That takes a few rounds, or
    does not end where gradients are nearly dependent: then the method takes over that always ends.
    """
    positive = linear < 0
    for _ in range(ROUNDS):
        count, singular = np.count_nonzero(positive), 0
        if count == len(linear):
            _, _, x, singular = dgesv(quadratic, -linear)
            signs = x
        else:
            x = np.zeros(len(linear))
            if count:
                _, _, x[positive], singular = dgesv(quadratic[np.ix_(positive, positive)], -linear[positive])
            signs = np.where(positive, x, quadratic @ x + linear)
        if singular:
            break
        if not min(signs.tolist()) < -TOLERANCE:
            out: Array = np.maximum(x, 0.0)
            return out
        positive = positive ^ (signs < -TOLERANCE)
    return _one_by_one(quadratic, linear)


def nonnegative_qps(quadratic: Array, linear: Array) -> Array:
    """The same for N linear terms ``[N, K]`` together."""
    out: Array = np.zeros_like(linear)
    unity = np.eye(linear.shape[1])
    left, positive = np.arange(len(linear)), linear < 0
    if not np.count_nonzero(positive):
        return out
    for _ in range(ROUNDS):
        # What is not positive is held at zero by a row and a column of the identity
        both = positive[:, :, None] & positive[:, None, :]
        right = np.where(positive, -linear[left], 0.0)[:, :, None]
        x = np.linalg.solve(np.where(both, quadratic, unity), right)[:, :, 0]
        wrong = np.where(positive, x, x @ quadratic + linear[left]) < -TOLERANCE
        out[left] = x.clip(min=0)
        unsolved = wrong.any(1)
        left, positive = left[unsolved], (positive ^ wrong)[unsolved]
        if len(left) == 0:
            return out
    for i in left:
        out[i] = _one_by_one(quadratic, linear[i])
    return out


def _one_by_one(quadratic: Array, linear: Array) -> Array:
    """The same by the method of Lawson and Hanson, which solves ``min_{x >= 0} |Ax - b|``, with ``A'A = Q``."""
    values, vectors = np.linalg.eigh(quadratic)
    roots = np.sqrt(values.clip(min=RIDGE * values.max()))
    x, _ = nnls(roots[:, None] * vectors.T, -(linear @ vectors) / roots, maxiter=100 * len(linear))
    out: Array = x
    return out


def scaled(gramian: Array) -> tuple[Array, float]:
    """The Gramian divided by its largest diagonal element, with the ridge on it, and that element (1 if all are 0)."""
    size = max(gramian.diagonal().tolist())
    size = size if size > 0 else 1.0
    return gramian / size + _ridge(len(gramian)), size


@cache
def _ridge(tasks: int) -> Array:
    return RIDGE * np.eye(tasks)


def comparable(gramian: Array) -> tuple[Array, Array]:
    """The Gramian of the gradients divided by units of length, scaled, and the units ``[K]``, 1 where all are alike.

    The ridge is little beside the longest gradient, and so has to be beside each: one that is a hundred thousand times
    shorter would otherwise count for nothing, and an update that conflicts with none would conflict with it. The units
    are the lengths rounded to powers of two, by which numbers are divided exactly. A zero gradient has that of the
    shortest other.
    """
    squares = gramian.diagonal().tolist()
    largest = max(squares)
    if largest <= 0 or min(squares) > ALIKE * largest:
        return scaled(gramian)[0], _ones(len(squares))
    least = min(square for square in squares if square > NOTHING * largest)
    units: Array = np.exp2([round(log2(max(square, least) / largest) / 2) for square in squares])
    return scaled(gramian / units / units[:, None])[0], units


@cache
def _ones(tasks: int) -> Array:
    return np.ones(tasks)


def min_norm(gramian: Tensor) -> Tensor:
    """``argmin w'Gw`` over the simplex: the weights of the shortest vector in the convex hull of the task gradients.

    With ``Q = G + 11'``, the solution x of ``min_{x >= 0} 1/2 x'Qx - 1'x`` meets ``Gx >= (1 - 1'x) 1`` with equality
    where x > 0, which are the optimality conditions of ``w = x / 1'x``.
    """
    return tensor(shortest(*comparable(array(gramian))), gramian)


def shortest(gramian: Array, units: Array) -> Array:
    """The same for a Gramian of gradients divided by units: x and 1 are then in these units too."""
    one = min(units.tolist()) / units
    x = nonnegative_qp(gramian + one * one[:, None], -one) * one
    out: Array = x / sum(x.tolist())
    return out


def min_norm_step(weights: Array, gramian: Array, rate: float, ridge: float) -> Array:
    """One projected gradient step on the simplex towards the least ``1/2 w'(G + ridge I)w``.

    Args:
        weights: w, ``[K]``.
        gramian: G, ``[K, K]``; need not be symmetric.
        rate: length of the step relative to the gradient.
        ridge: pull towards equal weights.

    Returns:
        ``[K]``.
    """
    return project_simplex(weights - rate * (gramian @ weights + ridge * weights))


def project(gramian: Tensor, weights: Tensor) -> Tensor:
    """Weights ``[..., K]`` of ``J'w`` to those of its projection onto the dual cone ``{d: Jd >= 0}``.

    The projection is ``J'v`` with ``v = argmin_{v >= w} v'Gv``, and ``v = w + x`` where ``x >= 0`` minimises
    ``1/2 x'Gx + (Gw)'x``.
    """
    g, units = comparable(array(gramian))
    rows = array(weights)
    solve = nonnegative_qp if rows.ndim == 1 else nonnegative_qps
    return tensor(rows + solve(g, (rows * units) @ g) / units, gramian)


def least_norm(matrix: Array, right: Array) -> Array:
    """The shortest x with ``|Ax - b|`` least, for a symmetric A; eigenvalues that are rounding count as zero."""
    values, vectors = eigen(matrix)
    sizes = values.tolist()
    least = RANK * max(-sizes[0], sizes[-1])
    out: Array = vectors @ ((right @ vectors) * [1 / size if abs(size) > least else 0.0 for size in sizes])
    return out


def eigen(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues, the smallest first, and eigenvectors, in columns, of a symmetric matrix."""
    values, vectors, _ = dsyevd(matrix)
    return values, vectors


def project_simplex(values: Array) -> Array:
    """The point of the simplex nearest to ``values [K]``."""
    falling = np.sort(values)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(values) + 1)
    last = np.flatnonzero(falling > excess)[-1]
    out: Array = (values - excess[last]).clip(min=0)
    return out
