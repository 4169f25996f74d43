"""The mean of the task gradients without the extremes, number by number."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.gradients.gramian import split_columns
from mtl.weighting.base import DirectionWeighting, check_number


class TrimmedMean(DirectionWeighting):
    """Coordinate-wise trimmed mean: in each parameter the ``trim`` largest and smallest task gradients are left out.

    Source: Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical
    Rates", ICML 2018, https://arxiv.org/abs/1803.01498.

    Robust against ``trim`` tasks with arbitrary gradients. Heads get the plain gradient.

    Deviations: the gradients are the tasks', where the paper has those of workers with one task; where fewer than
    ``2 trim + 1`` tasks are present as many are trimmed as leave one (the median).

    Args:
        num_tasks: K.
        trim: how many, 0 or more.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(self, num_tasks: int, trim: int = 1, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("trim", trim, whole=True, least=0)
        self.trim = trim

    @override
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        direction = torch.empty_like(jacobian[0])
        for part, out in split_columns(jacobian, direction):
            torch.mean(self._trimmed(part), 0, out=out)
        return direction, losses.new_ones(len(losses))

    def _trimmed(self, jacobian: Tensor) -> Tensor:
        """What is left, in any order; sorting all to drop a few would take several times as long."""
        rows = [*jacobian.unbind(), torch.empty_like(jacobian[0])]  # the last one is free
        first, last = 0, len(jacobian) - 1
        for _ in range(min(self.trim, last // 2)):
            for i in range(first, last):  # carries the largest to the end
                _exchange(rows, i, i + 1)
            last -= 1
            for i in range(last, first, -1):  # and the smallest to the start
                _exchange(rows, i - 1, i)
            first += 1
        return torch.stack(rows[first : last + 1])


def _exchange(rows: list[Tensor], i: int, j: int) -> None:
    """The smaller numbers of two rows into row i, the larger into row j, with the help of the last one."""
    torch.minimum(rows[i], rows[j], out=rows[-1])
    torch.maximum(rows[i], rows[j], out=rows[j])
    rows[i], rows[-1] = rows[-1], rows[i]
