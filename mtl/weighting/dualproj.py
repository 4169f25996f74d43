"""The nearest direction to the mean gradient that conflicts with no task."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import PreferringWeighting
from mtl.weighting.solvers.quadratic import project


class DualProj(PreferringWeighting):
    """Projection of the mean gradient ``J'p`` onto the dual cone ``{d: g_i'd >= 0 for all i}``.

    Source: Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017,
    https://arxiv.org/abs/1706.08840, whose rule this is, applied to all tasks at once.

    The update is the mean gradient where that conflicts with no task. Heads get the plain gradient: only what is shared
    can conflict.

    Deviation: in the paper the cone is that of the gradients of former tasks, and the gradient of the present one is
    projected; here the tasks are learned together.

    Args:
        num_tasks: K.
        preference: see :class:`~mtl.weighting.base.PreferringWeighting`.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        return project(gramian, self.preference.shares(tasks))
