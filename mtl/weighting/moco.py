"""Minimum-norm weights from remembered gradients, for small batches."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.gradients.gramian import gramian_of
from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.solvers.quadratic import array, min_norm_step, tensor
from mtl.weighting.state.gradient_history import GradientHistory
from mtl.weighting.state.simplex import SimplexWeights


class MoCo(DirectionWeighting):
    """Multi-objective gradient correction.

    Source: Fernando, Shen, Liu, Chaudhury, Murugesan, Chen, "Mitigating Gradient Bias in Multi-Objective Learning: A
    Provably Convergent Approach", ICLR 2023, https://openreview.net/forum?id=dLAYGdKTi2.

    ``y_i <- y_i + beta (g_i - y_i)``; ``w <- Proj(w - gamma (Y Y' + rho I) w)`` onto the simplex; ``d = Y'w``. With
    small batches the minimum-norm direction of the noisy gradients is biased, and that of their averages y is not.
    Heads get the gradient times w, as the paper's direction is one of all parameters; LibMTL's version leaves theirs
    plain.

    Needs a number per task and shared parameter. Deviations: y starts at the first gradient and not at 0; ``Y Y'`` is
    divided by its trace over K, so that gamma and rho do not depend on the unit of the losses, where the authors' code
    makes every gradient as long as its loss; beta and gamma are constant; w is projected onto the simplex as in the
    paper, where the code takes a softmax of it.

    Args:
        num_tasks: K.
        beta: how fast y follows the gradients, above 0 up to 1.
        gamma: step of w, above 0.
        rho: pull towards equal weights, 0 or more.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    seen: Tensor

    def __init__(
        self, num_tasks: int, beta: float = 0.5, gamma: float = 0.1, rho: float = 0.0, normalise: str = "none"
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("beta", beta, above=0, most=1)
        check_number("gamma", gamma, above=0)
        check_number("rho", rho, least=0)
        self.beta, self.gamma, self.rho = beta, gamma, rho
        self.history, self.weights = GradientHistory(num_tasks), SimplexWeights(num_tasks)
        self.register_buffer("seen", torch.zeros(num_tasks, dtype=torch.bool))

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        if self.history.values.shape[1] != jacobian.shape[1]:  # y is then empty, or of other parameters
            self.seen.zero_()
        jacobian = self.history.interpolate(jacobian, tasks, torch.where(self.seen[tasks], self.beta, 1.0))
        self.seen[tasks] = True
        g = array(gramian_of(jacobian))
        size = g.trace() / len(g)
        g = g / size if size > 0 else g
        w = array(self.weights.select(tasks))
        weights = tensor(min_norm_step(w, g, self.gamma, self.rho), losses).to(losses)
        self.weights.update(tasks, weights)
        return weights @ jacobian, weights
