"""Weights that lower the loss of every task on held-out rows."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import check_number
from mtl.weighting.held_out import HeldOutWeighting
from mtl.weighting.solvers.quadratic import min_norm
from mtl.weighting.state.adam import Adam

STATIONARY = 1e-8  # squared length of the common derivative, relative to the longest: no weights are better for all


class MOML(HeldOutWeighting):
    """Multi-objective meta learning: weights such that a step is good for all held-out losses at once.

    Source: Ye, Lin, Yue, Guo, Xiao, Zhang, "Multi-Objective Meta Learning", NeurIPS 2021,
    https://arxiv.org/abs/2102.07121.

    ``min_a (F_1, ..., F_K)(theta - lr sum_i w_i g_i)`` with ``w = softmax(a)``: each held-out loss ``F_j`` has a
    derivative ``h_j`` with respect to a; their minimum-norm combination is what Adam moves a along. The weights sum to
    1. Heads get the weighted gradient.

    Deviations:
        - one step is looked at, for which the derivative is exact: the paper unrolls several and differentiates through
          them. It is the step just taken, not a trial step (:class:`~mtl.weighting.held_out.HeldOutWeighting`);
        - held-out gradients are divided by their lengths before the minimum norm is sought, so that the unit of a loss
          does not matter;
        - the minimum norm is found exactly and not by Frank-Wolfe steps;
        - held-out rows are a share of the training rows;
        - where some tasks are auxiliary, ``F_j`` are the held-out losses of the others alone.

    Needs a number per task and parameter, twice, and K more backward passes per step.

    Args:
        num_tasks: K.
        lr: of Adam on a, above 0.
        held_out: share of the training rows, see :class:`~mtl.weighting.held_out.HeldOutWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    logits: Tensor
    serves: Tensor

    def __init__(self, num_tasks: int, lr: float = 1e-2, held_out: float = 0.1, normalise: str = "none") -> None:
        super().__init__(num_tasks, held_out, normalise)
        check_number("lr", lr, above=0)
        self.register_buffer("logits", torch.zeros(num_tasks))
        self.register_buffer("serves", torch.ones(num_tasks, dtype=torch.bool), persistent=False)
        self.adam = Adam(num_tasks, lr)

    @override
    def serve(self, tasks: Sequence[int]) -> None:
        self.serves.zero_()[list(tasks)] = True

    @override
    def current_weights(self, tasks: Tensor) -> Tensor:
        return torch.softmax(self.logits.index_select(0, tasks), 0)

    @override
    def objectives(self, losses: list[Tensor], tasks: list[int]) -> list[Tensor]:
        return [loss for loss, i in zip(losses, tasks, strict=True) if self.serves[i]]

    @override
    def improve(self, products: Tensor, tasks: Tensor) -> None:
        w = self.current_weights(tasks)
        slopes = -w * (products - (products @ w)[:, None])  # [N, M], through the softmax
        gramian = slopes @ slopes.T
        common_slope = min_norm(gramian).to(slopes) @ slopes
        if common_slope.square().sum() <= STATIONARY * gramian.diagonal().amax():
            common_slope = torch.zeros_like(common_slope)  # rounding errors, of which Adam would make whole steps
        self.logits -= self.adam.step(common_slope, tasks)
