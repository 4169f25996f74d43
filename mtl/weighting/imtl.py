"""Losses of one size for the heads, and equal projections for the trunk."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.impartial import equal_projections
from mtl.weighting.state.task_values import scatter_tasks, select_tasks


class IMTL(GradientWeighting):
    """Impartial learning, loss and gradient balance together.

    Source: Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, "Towards Impartial Multi-task Learning", ICLR 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr.

    The scaled losses ``exp(s_i) L_i``, with ``s_i`` going down ``exp(s_i) L_i - s_i`` towards ``exp(s_i) L_i = 1``,
    take the place of the losses: heads get their gradient, and the trunk the combination of their gradients with sum 1
    on which all of them project alike. The combination does not depend on s but for its length.

    Deviations: s takes plain steps of its own, just before it is used, not steps of the network's optimizer; its slope
    is cut at 1, so that a loss of any size cannot throw s away.

    Args:
        num_tasks: K.
        lr: step of s, above 0.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    grows_below_zero = True
    log_scale: Tensor

    def __init__(self, num_tasks: int, lr: float = 0.01, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("lr", lr, above=0)
        self.lr = lr
        self.register_buffer("log_scale", torch.zeros(num_tasks))  # s

    @override
    def private_factors(self, weights: Tensor, tasks: Tensor) -> Tensor:
        """Heads learn their scaled loss."""
        return select_tasks(self.log_scale, tasks).exp()

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        before = select_tasks(self.log_scale, tasks)
        after = before - self.lr * (before.exp() * losses - 1).clamp(-1, 1)
        scatter_tasks(self.log_scale, tasks, after)
        scale = after.exp()
        return equal_projections(gramian * torch.outer(scale, scale)) * scale
