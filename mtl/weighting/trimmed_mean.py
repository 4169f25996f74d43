"""The mean of the task gradients without the extremes, number by number."""

from torch import Tensor

from mtl.errors import InputError
from mtl.weighting.base import DirectionWeighting


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
        if trim < 0:
            raise InputError(f"weighting.trim={trim}: expected 0 or more")
        self.trim = trim

    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        trim = min(self.trim, (len(jacobian) - 1) // 2)
        kept = jacobian.sort(0).values[trim : len(jacobian) - trim]
        return kept.mean(0), losses.new_ones(len(losses))
