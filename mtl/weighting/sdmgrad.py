"""A common descent direction that stays near a preferred one, from gradients of independent batches."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import DirectionWeighting, check_number
from mtl.weighting.solvers.quadratic import array, project_simplex, tensor
from mtl.weighting.state.per_task_option import PerTaskNumbers
from mtl.weighting.state.preference import Preference
from mtl.weighting.state.previous_gradients import PreviousGradients
from mtl.weighting.state.simplex import SimplexWeights


class SDMGrad(DirectionWeighting):
    """Stochastic direction-oriented multi-objective gradient descent.

    Source: Xiao, Ban, Ji, "Direction-oriented Multi-objective Learning: Simple and Provable Stochastic Algorithms",
    NeurIPS 2023, https://arxiv.org/abs/2305.18409.

    ``d = J'(w + c p) / (1 + c)``, where w on the simplex minimises ``|J'(w + c p)|^2`` and p is a preference of sum 1:
    0 for c is MGDA, a large c the preferred mean gradient. w goes from step to step, by projected gradient steps
    ``w <- Proj(w - lr J_1 J_2'(w + c p))`` with gradients of two independent batches, whose product is unbiased. The
    weights sum to 1. Heads get the gradient times its weight, as the paper's direction is one of all parameters;
    LibMTL's version leaves theirs plain.

    Deviations:
        - the independent batches are those of consecutive steps: the direction is of J_t and the w found before, then
          w moves by ``J_t J_(t-1)'``. So three batches take part, as in the paper, at K passes instead of 3 K and from
          rows that train the network too; but J_(t-1) is of parameters one step older. All ``steps`` moves of w take
          the same pair, as in the authors' code;
        - ``J_t J_(t-1)'`` is divided by the mean lengths of both, as in the authors' code, which takes the roots of its
          positive diagonal elements for them;
        - lr is 0.3 and there is no momentum, as in the paper's algorithm. The code's 10 with momentum 0.5 is far above
          what projected gradient steps on a matrix of trace K converge with: w jumps from corner to corner.

    Needs a number per task and shared parameter.

    Args:
        num_tasks: K.
        c: pull towards the preferred direction (lambda in the paper), 0 or more.
        lr: step of w, above 0.
        steps: moves of w per optimizer step.
        preference: p, a number per task in order or by name, divided by their sum; default equal.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        c: float = 0.3,
        lr: float = 0.3,
        steps: int = 20,
        preference: PerTaskNumbers = None,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("c", c, least=0)
        check_number("lr", lr, above=0)
        check_number("steps", steps, whole=True, least=1)
        self.c, self.lr, self.steps = c, lr, steps
        self.preference = Preference(num_tasks, preference)
        self.weights, self.previous = SimplexWeights(num_tasks), PreviousGradients(num_tasks)

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        preferred = self.preference.shares(tasks)
        found = self.weights.select(tasks)
        weights = (found + self.c * preferred) / (1 + self.c)
        direction = weights.to(jacobian) @ jacobian
        w, p, g = array(found), array(preferred), array(self.previous.cross_gramian(jacobian, tasks))
        for _ in range(self.steps):
            w = project_simplex(w - self.lr * (g @ (w + self.c * p)))
        self.weights.update(tasks, tensor(w, losses))
        return direction, weights
