"""Weights drawn anew every step."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import unknown
from mtl.weighting.base import LossWeighting
from mtl.weighting.state.draws import Draws
from mtl.weighting.state.task_values import select_tasks

DISTRIBUTIONS = ("normal", "dirichlet")


class RandomWeights(LossWeighting):
    """Random loss weighting: ``sum_i w_i L_i`` with w drawn anew every step; a baseline for all other methods.

    Source: Lin, Ye, Zhang, Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task
    Learning", TMLR 2022, https://arxiv.org/abs/2111.10603.

    ``normal``: w is the softmax of independent standard normal numbers; ``dirichlet``: uniform on the simplex
    (independent exponential numbers divided by their sum). The weights sum to 1, as in the authors' code. Heads get the
    weighted gradient.

    Args:
        num_tasks: K.
        distribution: ``normal`` or ``dirichlet``.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, distribution: str = "normal", normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        if distribution not in DISTRIBUTIONS:
            raise unknown("weighting.distribution", distribution, DISTRIBUTIONS)
        self.distribution = distribution
        self.draws = Draws()

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        generator = self.draws.generator()
        drawn = torch.empty(self.num_tasks)
        if self.distribution == "normal":
            logits = drawn.normal_(generator=generator)
        else:
            logits = drawn.exponential_(generator=generator).log()
        weights = torch.softmax(select_tasks(logits.to(losses), tasks), 0)
        return (weights * losses).sum()
