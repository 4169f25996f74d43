"""More weight to tasks that are further from what they could reach."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.gradients.gramian import split_columns
from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.state.gradient_history import GradientHistory


class ExcessMTL(DirectionWeighting):
    """Excess-risk balancing: tasks are weighted by how much they can still improve, not by their loss.

    Source: He, Zhou, Zhang, Yang, Zhao, "Robust Multi-Task Learning with Excess Risks", ICML 2024,
    https://arxiv.org/abs/2402.02009.

    A loss is also large where its labels are noisy. The excess risk is estimated by ``e_i = g_i' H_i^-1 g_i`` with the
    diagonal ``H_i = sqrt(sum over steps of g_i^2)``, and divided by its first value; then ``w_i`` is multiplied by
    ``exp(lr e_i)``, and w divided by its sum. Heads get the weighted gradient.

    Needs a number per task and shared parameter. Deviations: the weights sum to 1, to K in the authors' code; its 1e-7
    inside the root of ``H_i``, which has the unit of a squared gradient, is left out; weights move in logarithms, so
    that a large excess saturates them instead of overflowing. As there, the weights are equal in the first step, which
    only gives the unit of ``e_i``.

    Args:
        num_tasks: K.
        lr: step of the weights, above 0.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    log_weights: Tensor
    first: Tensor

    def __init__(self, num_tasks: int, lr: float = 0.01, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("lr", lr, above=0)
        self.lr = lr
        self.history = GradientHistory(num_tasks)
        self.register_buffer("log_weights", torch.zeros(num_tasks))
        self.register_buffer("first", torch.full((num_tasks,), torch.nan))

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        excess, tiny = torch.zeros_like(losses), torch.finfo(jacobian.dtype).tiny
        for part, history in split_columns(jacobian, self.history.sized_for(jacobian)):
            square = part.square()
            history.index_add_(0, tasks, square)
            total = history if len(tasks) == self.num_tasks else history[tasks]
            excess += square.div_(total.sqrt().add_(tiny)).sum(1)
        first = self.first[tasks]
        known = first > 0
        before = self.log_weights[tasks]
        moved = before + torch.where(known, self.lr * excess / first, torch.zeros_like(excess))
        # The sum of these weights stays, so that those of tasks without labels keep their share
        self.log_weights[tasks] = moved + (before.logsumexp(0) - moved.logsumexp(0))
        self.first[tasks] = torch.where(known, first, excess)
        weights = torch.softmax(moved, 0)
        return weights @ jacobian, weights
