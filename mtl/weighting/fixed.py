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
        weights: lambda of each task in order, or by task name, where a task that is not named has 1. Finite, not negative.
        normalise: see :class:`~mtl.weighting.base.Weighting`.

    Raises:
        InputError: a value out of range; a wrong number of values; a name that is no task (with the right ones).
    """

    linear = True
    weights: Tensor

    def __init__(
        self, num_tasks: int, weights: Mapping[str, float] | Sequence[float] = (), normalise: str = "none"
    ) -> None:
        super().__init__(num_tasks, normalise)
        self.named = dict(weights) if isinstance(weights, Mapping) else {}
        values = [1.0] * num_tasks if self.named or not weights else [float(w) for w in weights]
        if len(values) != num_tasks:
            raise InputError(f"weighting.weights has {len(values)} values for {num_tasks} tasks")
        for name, value in [*self.named.items(), *enumerate(values)]:
            if not 0 <= value < float("inf"):
                raise InputError(f"weighting.weights: {name} has {value}, expected a finite number, 0 or more")
        self.register_buffer("weights", torch.tensor(values))

    def bind(self, names: Sequence[str]) -> None:
        """Look up the tasks that ``weights`` names."""
        for name, value in self.named.items():
            if name not in names:
                raise unknown("task in weighting.weights", name, names)
            self.weights[names.index(name)] = value

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return (self.weights[tasks] * losses).sum()
