"""The direction whose cosine with every task gradient is the same."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.quadratic import array, tensor
from mtl.weighting.state import PerTask


class ConFIG(GradientWeighting):
    """Conflict-free inverse gradients: ``d = (sum_i g_i'u) u`` with the unit vector u whose cosines with the ``g_i``
    are as p.

    Source: Liu, Chu, Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks", ICLR 2025,
    https://arxiv.org/abs/2408.11104.

    u is the normalised ``U^+ p`` with the unit gradients in the rows of U, which is ``U' C^+ p`` with their cosines C.
    The direction does not depend on the size of the gradients. Heads get the plain gradient.

    Deviation: a zero gradient is left out.

    Args:
        num_tasks: K.
        preference: p by task or in order; divided by its sum. Default equal.
        at, normalise: see :class:`~mtl.weighting.base.GradientWeighting`.
    """

    weights_private = False

    def __init__(
        self,
        num_tasks: int,
        preference: Mapping[str, float] | Sequence[float] | None = None,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        self.preference = PerTask("weighting.preference", num_tasks, preference)

    def bind(self, names: Sequence[str]) -> None:
        """Look up the tasks that the preference names."""
        self.preference.bind(names)

    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        g, p = array(gramian), array(self.preference.shares(tasks))
        n = np.sqrt(g.diagonal().clip(min=0))
        out = np.zeros(len(g))
        live = n > 0
        if live.any():
            cosines = g[np.ix_(live, live)] / np.outer(n[live], n[live])
            y = np.linalg.pinv(cosines, rcond=1e-7, hermitian=True) @ p[live]
            square = y @ cosines @ y  # |U'y|^2
            if square > 1e-14:
                out[live] = (n[live] @ cosines @ y) / square * y / n[live]
        return tensor(out, gramian)
