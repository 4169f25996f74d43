"""Gradients that conflict are projected onto each other's normal plane."""

import numpy as np
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.quadratic import array, tensor
from mtl.weighting.state.draws import Draws


class PCGrad(GradientWeighting):
    """Projecting conflicting gradients.

    Source: Yu, Kumar, Gupta, Levine, Hausman, Finn, "Gradient Surgery for Multi-Task Learning", NeurIPS 2020,
    https://arxiv.org/abs/2001.06782.

    For every task i, ``p = g_i``; for the other tasks j in random order: if ``p'g_j < 0``, ``p -= (p'g_j / |g_j|^2)
    g_j``. The update is the sum of all p. Every p is a combination of the ``g_j``, so the Gramian is enough. With two
    tasks the update conflicts with none; with more it may. Heads get the plain gradient.

    Deviations from the authors' code, which the paper does not ask for: it projects the gradients of all parameters at
    once, so that ``|g_j|^2`` counts task j's head too and that head gets more of its gradient whenever another task is
    projected; here only what is shared can conflict. And its order of tasks is the same in every step.

    Args:
        num_tasks: K.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False

    def __init__(self, num_tasks: int, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        self.draws = Draws()

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        g = array(gramian)
        mix, products = np.eye(len(g)), g.copy()  # of every p_i at once: its coefficients, and its p'g_j
        rows, squares = np.arange(len(g)), g.diagonal()
        squares = np.where(squares > 0, squares, np.inf)  # a zero gradient conflicts with none
        for j in self.draws.order(len(g)).T:
            share = np.minimum(products[rows, j], 0.0) / squares[j]
            mix[rows, j] -= share
            products -= share[:, None] * g[j]
        return tensor(mix.sum(0), gramian)
