"""Equal weights: the baseline."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting


class Equal(LossWeighting):
    """The plain sum of the losses: ``sum_i L_i``, every lambda is 1.

    Deviation: some libraries take the mean; with an adaptive optimizer the two differ only through its epsilon and
        weight decay.
    """

    linear = True
    constant = True

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return losses.sum()
