"""Alpha-fair shares in the improvement."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.nash_bargaining import nash_bargaining

LEAST = 1e-6  # alpha, below which the power 1 / alpha leaves double precision


class FairGrad(GradientWeighting):
    """Fair resource allocation: ``d = J'w`` with ``G w = w^(-1/alpha)``, ``w > 0``.

    Source: Ban and Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024, https://arxiv.org/abs/2402.15638.

    d maximises the alpha-fair utility ``sum_i (g_i'd)^(1 - alpha) / (1 - alpha)`` of the gains in a ball: alpha -> 0 is
    the sum of gradients, 1 proportional fairness (Nash bargaining), 2 the least total delay, large alpha max-min
    fairness. Heads get the weighted gradient, as in the authors' code.

    The length of the update goes with the ``(1 - alpha) / (1 + alpha)``-th power of the gradients': for alpha above 1
    it grows where they become small, which plain gradient descent meets by a falling learning rate, Adam by itself.

    Deviations: solved by damped Newton steps to 1e-9, not by bounded least squares; Pareto-stationary points and zero
    gradients as in Nash bargaining: each diagonal element of G counts a millionth more, and a task whose gradient is
    zero gets the mean of the other weights.

    Args:
        num_tasks: K.
        alpha: see above, above 0.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, alpha: float = 2.0, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("alpha", alpha, least=LEAST)
        self.alpha = alpha

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        return nash_bargaining(gramian, 1 / self.alpha)
