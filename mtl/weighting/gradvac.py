"""Gradients are turned towards each other until their cosines reach targets, which follow the cosines seen."""

from math import sqrt

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.quadratic import array, tensor
from mtl.weighting.state.draws import Draws


class GradVac(GradientWeighting):
    """Gradient vaccine.

    Source: Wang, Tsvetkov, Firat, Cao, "Gradient Vaccine: Investigating and Improving Multi-task Optimization in
    Massively Multilingual Models", ICLR 2021, https://arxiv.org/abs/2010.05874.

    For every task i, ``p = g_i``; for the other tasks j in random order, with ``c = cos(p, g_j)`` and its target
    ``t_ij``: if ``c < t_ij``, ``p += |p| (t_ij sqrt(1 - c^2) - c sqrt(1 - t_ij^2)) / (|g_j| sqrt(1 - t_ij^2)) g_j``,
    after which the cosine is ``t_ij``; then ``t_ij`` moves to ``(1 - beta) t_ij + beta c``. The update is the sum of
    all p. Targets start at 0, where one step is PCGrad's. Heads get the plain gradient.

    Deviation: one target per pair of tasks over all shared parameters, not one per layer. A zero gradient changes
    nothing.

    Args:
        num_tasks: K.
        beta: how fast targets follow the cosines, 0 to 1.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False
    targets: Tensor

    def __init__(self, num_tasks: int, beta: float = 0.01, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("beta", beta, least=0, most=1)
        self.beta = beta
        self.draws = Draws()
        self.register_buffer("targets", torch.zeros(num_tasks, num_tasks))

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        g = array(gramian)
        targets = self.targets[tasks][:, tasks].tolist()
        mix, products = np.eye(len(g)), g.copy()  # of every p_i at once: its coefficients, and its p'g_j
        rows, sizes = np.arange(len(g)), [sqrt(max(square, 0.0)) for square in g.diagonal().tolist()]
        for others in self.draws.order(len(g)).T:
            squares, inner = (mix * products).sum(1).tolist(), products[rows, others].tolist()
            shares = np.zeros(len(g))
            for i, j in enumerate(others.tolist()):
                length = sqrt(max(squares[i], 0.0))
                if length * sizes[j] == 0:
                    continue
                c, target = min(max(inner[i] / (length * sizes[j]), -1.0), 1.0), targets[i][j]
                rest = sqrt(max(1 - target * target, 0.0))
                if c < target and rest > 0:
                    shares[i] = length * (target * sqrt(1 - c * c) - c * rest) / (sizes[j] * rest)
                targets[i][j] += self.beta * (c - target)
            mix[rows, others] += shares
            products += shares[:, None] * g[others]
        self.targets[tasks[:, None], tasks] = torch.tensor(targets, dtype=torch.float64).to(self.targets)
        return tensor(mix.sum(0), gramian)
