"""Logarithms of the losses, and gradients of the length of the longest."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.state.gradient_history import GradientHistory


class DBMTL(DirectionWeighting):
    """Dual balancing: losses by their logarithm, gradients by the largest length among them.

    Source: Lin, Jiang, Ye, Zhang, Chen, Liu, "Dual-Balancing for Multi-Task Learning", 2023,
    https://arxiv.org/abs/2308.12029.

    ``v_i <- beta_t v_i + (1 - beta_t) grad log L_i`` with ``beta_t = beta / t^decay``; ``d = a sum_i v_i / |v_i|``,
    ``a = max_i |v_i|``. Heads get the gradient of ``sum_i log L_i``. A task whose loss is 0 or below is
    left out of the step.

    The moving averages need a number per task and shared parameter, unless beta is 0. Deviation: t counts, for each
    task, the steps that it took part in.

    Args:
        num_tasks: K.
        beta: memory, 0 (none) up to 1 (not included).
        decay: how fast memory fades with the step number, 0 or more.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    needs_positive_losses = True
    steps: Tensor

    def __init__(self, num_tasks: int, beta: float = 0.9, decay: float = 0.5, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("beta", beta, least=0, below=1)
        check_number("decay", decay, least=0)
        self.beta, self.decay = beta, decay
        self.history = GradientHistory(num_tasks)
        self.register_buffer("steps", torch.zeros(num_tasks))

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        weights = 1 / losses
        jacobian *= weights[:, None]
        if self.beta > 0:
            self.steps[tasks] += 1
            jacobian = self.history.interpolate(jacobian, tasks, 1 - self.beta / self.steps[tasks] ** self.decay)
        lengths = jacobian.norm(dim=1)
        shares = torch.where(lengths > 0, lengths.max() / lengths, torch.zeros_like(lengths))
        return shares @ jacobian, weights
