"""The task gradients that lie closest to the others."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number


class Krum(GradientWeighting):
    """(Multi-)Krum: the mean of the ``selected`` gradients whose nearest neighbours are nearest.

    Source: Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine Learning with Adversaries: Byzantine Tolerant Gradient
    Descent", NeurIPS 2017, https://arxiv.org/abs/1703.02757.

    The score of task i is the sum of its squared distances to its ``M - outliers - 2`` nearest neighbours. Heads get
    the plain gradient.

    Deviations: the gradients compared are the tasks', where the paper compares those of workers with one task; with few
    tasks at least one neighbour counts (the paper needs ``2 outliers + 3``); tasks with the same score share the places
    that are left, so that the order of the tasks does not matter.

    Args:
        num_tasks: K.
        outliers: how many tasks may be arbitrary, 0 or more.
        selected: how many gradients are averaged, 1 or more.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights_private = False

    def __init__(
        self, num_tasks: int, outliers: int = 1, selected: int = 1, at: str = "parameters", normalise: str = "none"
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("outliers", outliers, whole=True, least=0)
        check_number("selected", selected, whole=True, least=1)
        self.outliers, self.selected = outliers, selected

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        count = len(losses)
        selected = min(self.selected, count)
        squares = gramian.double().diagonal()
        distances = (squares + squares[:, None] - 2 * gramian.double()).clamp(min=0)
        distances.fill_diagonal_(torch.inf)
        neighbours = min(max(count - self.outliers - 2, 1), count - 1)
        scores = distances.sort(1).values[:, :neighbours].sum(1)
        limit = scores.sort().values[selected - 1]
        tolerance = 1e-6 * squares.max()  # below the rounding of the Gramian two scores are the same
        inside, border = scores < limit - tolerance, (scores - limit).abs() <= tolerance
        share = (selected - inside.sum()) / border.sum()
        return torch.where(inside, 1.0, torch.where(border, share, 0.0)) / selected
