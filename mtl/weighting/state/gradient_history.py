"""A matrix of numbers remembered about the task gradients."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mtl.weighting.state.task_values import select_tasks


class GradientHistory(nn.Module):
    """Matrix ``[K, P]`` of numbers remembered about each task's gradient, zero at first.

    P is not known before the first step: the buffer is empty until then, and takes the size of what a checkpoint holds.
    """

    values: Tensor

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.num_tasks = num_tasks
        self.register_buffer("values", torch.zeros(num_tasks, 0))

    def sized_for(self, jacobian: Tensor) -> Tensor:
        """The matrix ``[K, P]`` for a Jacobian ``[M, P]``: allocated where the first step tells P."""
        if self.values.shape[1] != jacobian.shape[1]:
            self.values = jacobian.new_zeros(self.num_tasks, jacobian.shape[1])
        return self.values

    def rows(self, jacobian: Tensor, tasks: Tensor) -> Tensor:
        """Rows ``[M, P]`` of these tasks for their Jacobian; the matrix itself, no copy, where these are all tasks."""
        return select_tasks(self.sized_for(jacobian), tasks)

    def interpolate(self, jacobian: Tensor, tasks: Tensor, rates: Tensor) -> Tensor:
        """Move the tasks' rows h towards those of a Jacobian, ``h_i + rate_i (g_i - h_i)``; returns them."""
        moved = self.rows(jacobian, tasks).lerp_(jacobian, rates.to(jacobian)[:, None])
        if len(tasks) < self.num_tasks:
            self.values[tasks] = moved
        return moved

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        found = state_dict.get(prefix + "values")
        if found is not None and len(found) == self.num_tasks:
            self.values = self.values.new_zeros(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
