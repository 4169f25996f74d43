"""The sum of the logarithms of the losses."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting


class LogSum(LossWeighting):
    """Scale-invariant loss: ``sum_i log L_i``, so that ``w_i = 1 / L_i``.

    Source: the scale-invariant baseline of Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022,
    https://arxiv.org/abs/2202.01017.

    Multiplying a loss by a number changes nothing. Heads get the weighted gradient.

    Deviation: a task whose loss is 0 or below is left out of the step. Otherwise the authors' code is this sum.
    """

    needs_positive_losses = True

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return losses.log().sum()
