"""Each task gradient is made to conflict with none before they are added."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import PreferringWeighting
from mtl.weighting.solvers.quadratic import project


class UPGrad(PreferringWeighting):
    """Unconflicting projection of gradients: ``d = sum_i p_i Pi(g_i)``.

    Source: Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024,
    https://arxiv.org/abs/2406.16232.

    Pi is the projection onto ``{d: g_j'd >= 0 for all j}``. The update conflicts with no task, and is linear in the
    size of each gradient as long as directions stay. Heads get the plain gradient: only what is shared can conflict.

    Deviation: the projection is found by an active-set method, where the authors' code regularises the Gramian for the
    quadratic-programming solver that it calls.

    Args:
        num_tasks: K.
        preference: see :class:`~mtl.weighting.base.PreferringWeighting`.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        return project(gramian, torch.diag(self.preference.shares(tasks))).sum(0)
