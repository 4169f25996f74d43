"""The direction near the mean gradient under which the worst-off task improves most."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.conflict_averse import conflict_averse


class CAGrad(GradientWeighting):
    """Conflict-averse gradient descent: ``argmax_d min_i g_i'd`` subject to ``|d - g_0| <= c |g_0|``.

    Source: Liu, Liu, Jin, Stone, Liu, "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021,
    https://arxiv.org/abs/2110.14048.

    ``g_0`` is the mean of the task gradients ``g_i``. c = 0 is the mean gradient; for c >= 1 the update conflicts with
    no task. For c < 1 it converges to a minimum of the mean loss. Heads get the plain gradient, as in the authors'
    code.

    Deviations: the problem is solved exactly, not by steps on the simplex; the result is not divided by ``1 + c^2``,
    which the authors' code does and the paper does not.

    Args:
        num_tasks: K.
        c: radius of the ball relative to the mean gradient, 0 or more.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False

    def __init__(self, num_tasks: int, c: float = 0.4, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("c", c, least=0)
        self.c = c

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        return conflict_averse(gramian, self.c)
