"""The shortest convex combination of the task gradients."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import unknown
from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.quadratic import min_norm

MEASURES = ("none", "norm", "loss", "loss_norm")


class MGDA(GradientWeighting):
    """Multiple-gradient descent: ``w = argmin |J'w|^2`` over the simplex; the update lowers all losses, or none can be.

    Sources: Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", Comptes Rendus
    Mathématique 350, 2012, https://doi.org/10.1016/j.crma.2012.03.014; Sener and Koltun, "Multi-Task Learning as
    Multi-Objective Optimization", NeurIPS 2018, https://arxiv.org/abs/1810.04650, whose upper bound MGDA-UB is
    ``at=representation``.

    The update ``d = J'w`` has ``g_i'd >= |d|^2`` for every task gradient ``g_i``, and is 0 at Pareto-stationary points.
    It is drawn towards the shortest gradient. The weights sum to 1. Heads get the weighted gradient, as in Sener and
    Koltun's code.

    Deviation: the minimum is found exactly by an active-set method, not by Frank-Wolfe steps.

    Args:
        num_tasks: K.
        measure: the gradients are divided by this before the problem is posed (and only there): ``none``, ``norm``
            (their length), ``loss``, ``loss_norm`` (loss times length): the normalisations of Sener and Koltun's code.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, measure: str = "none", at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        if measure not in MEASURES:
            raise unknown("weighting.measure", measure, MEASURES)
        self.measure = measure

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        if self.measure == "none":
            return min_norm(gramian)
        size = torch.ones_like(losses)
        if self.measure in ("norm", "loss_norm"):
            size = size * gramian.diagonal().clamp(min=0).sqrt()
        if self.measure in ("loss", "loss_norm"):
            size = size * losses
        size = torch.where(size > 0, size, torch.ones_like(size))
        return min_norm(gramian / torch.outer(size, size))
