"""Minimum-norm weights that change slowly."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.quadratic import min_norm
from mtl.weighting.state.simplex import SimplexWeights


class CRMOGM(GradientWeighting):
    """Correlation-reduced multi-objective gradient manipulation: a moving average of minimum-norm weights.

    Source: Zhou, Zhang, Jiang, Zhong, Gu, Zhu, "On the Convergence of Stochastic Multi-Objective Gradient Manipulation
    and Beyond", NeurIPS 2022, https://openreview.net/forum?id=ScwfQ7hdwyP.

    ``w_t = beta w_(t-1) + (1 - beta) argmin |J'w|^2``: with small batches the solution of one step is correlated with
    the noise of its gradients, which biases the update; averaged weights are not. Starts at equal weights. They sum to
    1. Heads get the weighted gradient.

    Args:
        num_tasks: K.
        beta: memory, 0 (MGDA) up to 1 (not included).
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, beta: float = 0.9, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("beta", beta, least=0, below=1)
        self.beta = beta
        self.weights = SimplexWeights(num_tasks)

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        before = self.weights.select(tasks)
        weights = self.beta * before + (1 - self.beta) * min_norm(gramian).to(before)
        self.weights.update(tasks, weights)
        return weights
