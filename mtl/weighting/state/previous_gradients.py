"""The task gradients of the step before."""

import torch
from torch import Tensor, nn

from mtl.gradients.gramian import gramian_of
from mtl.weighting.state.gradient_history import GradientHistory


class PreviousGradients(nn.Module):
    """The task gradients ``[K, P]`` of the step before; of a task without labels in it, the last it had."""

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        self.history = GradientHistory(num_tasks)

    def cross_gramian(self, jacobian: Tensor, tasks: Tensor) -> Tensor:
        """``J H' [M, M]`` of this step's gradients J ``[M, P]`` and the previous ones H, which J replaces.

        Divided by the product of their mean lengths, so that it has no unit; zero in the first step.
        """
        before = self.history.rows(jacobian, tasks)
        size = jacobian.norm(dim=1).mean() * before.norm(dim=1).mean()
        product = gramian_of(jacobian, before)
        self.history.values[tasks] = jacobian
        return product / torch.where(size > 0, size, torch.ones_like(size))
