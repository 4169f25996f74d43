"""Minimum-norm weights from gradients of independent batches."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.solvers.quadratic import array, min_norm_step, tensor
from mtl.weighting.state.previous_gradients import PreviousGradients
from mtl.weighting.state.simplex import SimplexWeights


class MoDo(DirectionWeighting):
    """Multi-objective gradient with double sampling: the weights' step has an unbiased gradient.

    Source: Chen, Fernando, Ying, Chen, "Three-Way Trade-Off in Multi-Objective Learning: Optimization, Generalization
    and Conflict-Avoidance", NeurIPS 2023 and JMLR 25, 2024, https://arxiv.org/abs/2305.20057.

    ``w <- Proj(w - gamma (J_1 J_2' + rho I) w)`` onto the simplex; ``d = J_3'w``. ``J_1 J_2'`` of two independent
    batches is the Gramian of the mean gradients on average, which that of one batch is not: there noise adds to the
    diagonal, and the weights lean towards equal ones. Heads get the gradient times w, as the
    paper's direction is one of all parameters; LibMTL's version leaves theirs plain.

    Deviations:
        - the independent batches are those of consecutive steps: ``d = J_t'w_t``, then w moves by ``J_t J_(t-1)'``. So
          the direction and both factors are of rows of their own, as in the paper, at K passes instead of 3 K and from
          rows that train the network too; but J_(t-1) is of parameters one step older. Where consecutive batches share
          rows (steps of the whole training set) this is MGDA by gradient steps;
        - ``J_t J_(t-1)'`` is divided by the mean lengths of both, so that gamma and rho do not depend on the unit of
          the losses.

    Needs a number per task and shared parameter.

    Args:
        num_tasks: K.
        gamma: step of w, above 0.
        rho: pull towards equal weights, 0 or more.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, gamma: float = 0.1, rho: float = 0.0, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("gamma", gamma, above=0)
        check_number("rho", rho, least=0)
        self.gamma, self.rho = gamma, rho
        self.weights, self.previous = SimplexWeights(num_tasks), PreviousGradients(num_tasks)

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        weights = self.weights.select(tasks)
        direction = weights.to(jacobian) @ jacobian
        w, g = array(weights), array(self.previous.cross_gramian(jacobian, tasks))
        self.weights.update(tasks, tensor(min_norm_step(w, g, self.gamma, self.rho), losses))
        return direction, weights
