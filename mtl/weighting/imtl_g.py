"""The update whose projections on all task gradients are equal."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.impartial import equal_projections


class IMTLG(GradientWeighting):
    """Impartial learning, gradient balance: the update has the same projection on every task gradient.

    Source: Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, "Towards Impartial Multi-task Learning", ICLR 2021,
    https://openreview.net/forum?id=IMPnRXEWpvr.

    ``d = sum_i w_i g_i``, ``sum_i w_i = 1``, with ``g_i'd / |g_i|`` equal for all i. Closed form: ``w`` is proportional
    to ``G^+ n`` with ``n_i = |g_i|``. Weights may be negative; multiplying a loss by a number changes the length of the
    update and not its direction. Heads get the plain gradient, as in the paper's algorithm.

    The paper takes the gradients at the shared representation: ``at=representation``. Deviations: all shared parameters
    by default; where no direction projects alike (exactly opposed gradients) they stay as they are.

    Args:
        num_tasks: K.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        return equal_projections(gramian)
