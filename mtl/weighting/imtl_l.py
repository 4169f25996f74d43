"""Learned scales that bring the losses to one size."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.task_values import select_tasks

START = 40.0  # largest s at the start: gradients that exp(s) scales further have no norm in single precision


class IMTLL(LossWeighting):
    """Impartial learning, loss balance: ``sum_i exp(s_i) L_i - s_i`` with ``s_i`` learned per task.

    Source: Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, "Towards Impartial Multi-task Learning", ICLR 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr.

    At the optimum of s all scaled losses ``exp(s_i) L_i`` are 1. The weights ``exp(s_i)`` do not depend on this step's
    losses; s is trained by the network's optimizer, without weight decay. Heads get the weighted gradient. It is twice
    the objective of uncertainty weighting (Kendall et al.), with ``exp(s_i) = 1 / sigma_i^2``.

    Deviation: no weight decay on s, which would pull every scale towards 1; the paper says nothing of it.

    Args:
        num_tasks: K.
        initial: ``s_i`` at the start, for all tasks.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    linear = True
    grows_below_zero = True

    def __init__(self, num_tasks: int, initial: float = 0.0, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("initial", initial, least=-START, most=START)
        self.log_scale = nn.Parameter(torch.full((num_tasks,), float(initial)))

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        s = select_tasks(self.log_scale, tasks)
        return (s.exp() * losses - s).sum()
