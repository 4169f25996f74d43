"""Weights on the simplex: not negative, and of sum 1."""

import torch
from torch import Tensor, nn

from mtl.weighting.state.task_values import select_tasks

TINY = torch.finfo(torch.float32).tiny  # too small to change any number that is not zero


def normalise_to_simplex(values: Tensor) -> Tensor:
    """Numbers of 0 or more ``[M]`` divided by their sum; equal ones where all are zero."""
    values = values + TINY
    return values / values.sum()


class SimplexWeights(nn.Module):
    """Weights ``[K]``, not negative and of sum 1, that a method moves from step to step; equal at first."""

    values: Tensor

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.full((num_tasks,), 1 / num_tasks))

    def select(self, tasks: Tensor) -> Tensor:
        """The weights of these tasks divided by their sum, ``[M]``; equal where all are zero."""
        return normalise_to_simplex(select_tasks(self.values, tasks))

    def update(self, tasks: Tensor, weights: Tensor) -> None:
        """Divide the sum that these tasks have by ``weights [M]`` of sum 1; the other tasks keep theirs."""
        self.values[tasks] = weights.to(self.values) * self.values[tasks].sum()
