"""Fixed weights, given by the name of the task."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl.errors import InputError, unknown
from mtl.weighting.base import LossWeighting


class Fixed(LossWeighting):
    """``sum_i lambda_i L_i`` with constant lambda.

    Args:
        num_tasks: K.
        names: the tasks' names, in order.
        weights: lambda by task name, finite and not negative; a task that is not named has 1. A name that is no task is an
            InputError that says the right ones.
    """

    linear = True
    weights: Tensor

    def __init__(self, num_tasks: int, names: Sequence[str], weights: Mapping[str, float] | None = None) -> None:
        super().__init__(num_tasks)
        given = dict(weights or {})
        for name, value in given.items():
            if name not in names:
                raise unknown("task in weighting.weights", name, names)
            if not 0 <= value < float("inf"):
                raise InputError(f"weighting.weights.{name}={value}: expected a finite number, 0 or more")
        self.register_buffer("weights", torch.tensor([float(given.get(name, 1.0)) for name in names]))

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return (self.weights[tasks] * losses).sum()
