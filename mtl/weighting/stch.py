"""A smooth maximum of the losses, as a preference weighs them."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption


class STCH(LossWeighting):
    """Smooth Tchebycheff scalarisation: ``mu log sum_i exp(p_i (L_i - z_i) / mu)``.

    Source: Lin, Zhang, Yang, Liu, Wang, Zhang, "Smooth Tchebycheff Scalarization for Multi-Objective Optimization",
    ICML 2024, https://arxiv.org/abs/2402.19078.

    For ``mu -> 0`` it becomes the largest weighted loss ``max_i p_i (L_i - z_i)``, whose minimum can be any Pareto
    point, also on a front that no weighted sum reaches. The weights are ``p_i softmax_i(p (L - z) / mu)``. Heads get
    the weighted gradient.

    Deviation: the authors' code warms up with plain sums and divides by the losses then reached; here
    ``normalise=loss_scale`` divides by the first losses.

    Args:
        num_tasks: K.
        mu: smoothness, above 0, in the unit of the losses.
        preference: p by task or in order; divided by its sum. Default equal.
        ideal: z, the least attainable loss by task or in order. Default 0.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        mu: float = 1.0,
        preference: PerTaskNumbers = None,
        ideal: PerTaskNumbers = None,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("mu", mu, above=0)
        self.mu = mu
        self.preference = PerTaskOption("weighting.preference", num_tasks, preference)
        self.ideal = PerTaskOption("weighting.ideal", num_tasks, ideal, default=0.0, all_zero=True)

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        excess = self.preference.shares(tasks) * (losses - self.ideal.select(tasks))
        return self.mu * torch.logsumexp(excess / self.mu, 0)
