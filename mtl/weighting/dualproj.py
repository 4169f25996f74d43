"""The nearest direction to the mean gradient that conflicts with no task."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.quadratic import project
from mtl.weighting.state import PerTask


class DualProj(GradientWeighting):
    """Projection of the mean gradient ``J'p`` onto the dual cone ``{d: g_i'd >= 0 for all i}``.

    Source: Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017,
    https://arxiv.org/abs/1706.08840, whose rule this is, applied to all tasks at once.

    The update is the mean gradient where that conflicts with no task. Heads get the plain gradient: only what is shared
    can conflict.

    Deviation: in the paper the cone is that of the gradients of former tasks, and the gradient of the present one is
    projected; here the tasks are learned together.

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
        return project(gramian, self.preference.shares(tasks))
