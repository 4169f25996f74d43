"""ConFIG: the direction whose cosine with every task gradient is the same."""

import numpy as np
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import PreferringWeighting
from mtl.weighting.solvers.impartial import cosines_of
from mtl.weighting.solvers.quadratic import array, least_norm, tensor


class ConFIG(PreferringWeighting):
    """Conflict-free inverse gradients; the option is named after the method, not after configuration.

    Source: Liu, Chu, Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks", ICLR 2025,
    https://arxiv.org/abs/2408.11104.

    ``d = (sum_i g_i'u) u`` with the unit vector u whose cosines with the ``g_i`` are in proportion to p.

    u is the normalised ``U^+ p`` with the unit gradients in the rows of U, which is ``U' C^+ p`` with their cosines C.
    The direction does not depend on the size of the gradients. Heads get the plain gradient.

    Deviation: a zero gradient is left out.

    Args:
        num_tasks: K.
        preference: see :class:`~mtl.weighting.base.PreferringWeighting`.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        g, p = array(gramian), array(self.preference.shares(tasks))
        out = np.zeros(len(g))
        nonzero, n, cosines = cosines_of(g)
        if len(nonzero):
            y = least_norm(cosines, p[nonzero])
            cy = cosines @ y
            square = float(y @ cy)  # |U'y|^2
            if square > 1e-14:
                out[nonzero] = float(n @ cy) / square * y / n
        return tensor(out, gramian)
