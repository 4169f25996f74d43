"""Task gradients made orthogonal and of one size before they are added."""

from math import sqrt

from torch import Tensor
from typing_extensions import override

from mtl.errors import unknown
from mtl.weighting.base import PreferringWeighting
from mtl.weighting.solvers.quadratic import array, eigen, tensor
from mtl.weighting.state.per_task_option import PerTaskNumbers

SCALES = ("min", "median", "rmse")
ROUNDING = 1.2e-7  # of single precision


class AlignedMTL(PreferringWeighting):
    """Aligned multi-task learning: the system of task gradients is replaced by the nearest one with condition number 1.

    Source: Senushkin, Patakin, Kuznetsov, Konushin, "Independent Component Alignment for Multi-Task Learning", CVPR
    2023, https://arxiv.org/abs/2305.19000.

    ``w = sigma V S^-1 V' p`` with the eigenvectors V and square roots S of the eigenvalues of the Gramian, those above
    the numerical rank; sigma is their smallest (``min``), their median, or their root mean square (``rmse``). The
    update conflicts with no task that has full rank support. Heads get the plain gradient, as in the authors' code.

    Deviation: p has sum 1, as every preference here, where the authors' code adds the aligned gradients with weights 1
    (K times as long).

    Args:
        num_tasks: K.
        scale: ``min`` (as published), ``median`` or ``rmse``.
        preference: see :class:`~mtl.weighting.base.PreferringWeighting`.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        scale: str = "min",
        preference: PerTaskNumbers = None,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, preference, at, normalise)
        if scale not in SCALES:
            raise unknown("weighting.scale", scale, SCALES)
        self.scale = scale

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        p = array(self.preference.shares(tasks))
        values, vectors = eigen(array(gramian))
        sizes = values.tolist()
        # The Gramian comes in single precision: below this an eigenvalue is rounding
        significant = [size for size in sizes if size > max(sizes[-1], 0.0) * len(sizes) * ROUNDING]
        if not significant:
            return tensor(p, gramian)
        size = {
            "min": significant[0],
            "median": significant[(len(significant) - 1) // 2],
            "rmse": sum(significant) / len(significant),
        }[self.scale]
        vectors = vectors[:, -len(significant) :]
        return tensor(vectors @ ((p @ vectors) * [sqrt(size / one) for one in significant]), gramian)
