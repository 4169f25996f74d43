"""The geometric mean of the losses."""

from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting


class GeometricMean(LossWeighting):
    """Geometric loss strategy: ``(prod_i L_i)^(1/K)``.

    Source: Chennupati, Sistu, Yogamani, Rawashdeh, "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
    Strategy for Multi-Task Learning", CVPR workshops 2019, https://arxiv.org/abs/1904.08492.

    The weights are ``w_i = objective / (K L_i)``: the direction does not change when a loss is multiplied by a number.
    Heads get the weighted gradient.

    Deviation: a task whose loss is 0 or below, of which the paper says nothing, is left out of the step: the mean is
    that of the others. The paper's second factor, by which chosen tasks count more, is left out.
    """

    needs_positive_losses = True

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return losses.log().mean().exp()
