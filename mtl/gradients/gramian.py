"""The Gramian of task gradients, and work on their numbers in pieces that fit a cache.

The Jacobian ``J [K, P]`` holds one task's gradient per row, its Gramian is ``J J' [K, K]``.
"""

from collections.abc import Iterator
from math import isfinite

import torch
from torch import Tensor

FEW, LONG = 3, 2**15  # rows of a Jacobian on the CPU, and numbers in each
IN_ONE_PIECE = 2**20  # numbers of a Jacobian on the CPU
# Of the pieces of a larger one: few columns where a product of matrices waits, more where many small calls do
COLUMNS, NUMBERS = 2**13, 2**18


def gramian_of(jacobian: Tensor, other: Tensor | None = None) -> Tensor:
    """``J J' [M, M]`` of ``J [M, P]``, or ``J H'`` with another matrix of that shape.

    On a CPU a few long rows are multiplied one by one, and others in pieces that its cache holds, which takes half the
    time.

    Args:
        jacobian: J.
        other: H; None is J itself.

    Returns:
        ``[M, M]``.
    """
    tasks = len(jacobian)
    if other is None and tasks <= FEW and jacobian.device.type == "cpu" and jacobian.shape[1] >= LONG:
        rows = jacobian.unbind()
        known = [[torch.dot(one, two) for two in rows[: i + 1]] for i, one in enumerate(rows)]
        return torch.stack([known[max(i, j)][min(i, j)] for i in range(tasks) for j in range(tasks)]).view(tasks, -1)
    other = jacobian if other is None else other
    if jacobian.device.type != "cpu" or jacobian.numel() < IN_ONE_PIECE:
        return jacobian @ other.T
    total = jacobian.new_zeros(tasks, tasks)
    for one, two in zip(torch.split(jacobian, COLUMNS, 1), torch.split(other, COLUMNS, 1), strict=True):
        total.addmm_(one, two.T)
    return total


def all_finite(gramian: Tensor) -> bool:
    """Whether the gradients behind a Gramian are: one that is not has no finite length."""
    return isfinite(sum(gramian.diagonal().tolist()))


def split_columns(jacobian: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same columns of matrices ``[M, P]`` or vectors ``[P]``, on a CPU as many at a time as its cache holds.

    For what is done number by number, in several calls.

    Args:
        jacobian: ``[M, P]``.
        *others: matrices of that shape, or vectors ``[P]``.

    Yields:
        tuple[Tensor, ...]: views of all of them, with the same columns.
    """
    tensors = (jacobian, *others)
    if jacobian.device.type != "cpu":
        yield tensors
        return
    columns = max(NUMBERS // len(jacobian), 1)
    yield from zip(*(torch.split(values, columns, -1) for values in tensors), strict=True)
