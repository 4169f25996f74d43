"""The geometric mean of the losses."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting


class GeometricMean(LossWeighting):
    """Geometric loss strategy: ``(prod_i L_i)^(1/K)``.

    Source: Chennupati, Sistu, Yogamani, Rawashdeh, "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
    Strategy for Multi-Task Learning", CVPR workshops 2019, https://arxiv.org/abs/1904.08492.

    The weights are ``w_i = objective / (K L_i)``: the direction does not change when a loss is multiplied by a number.
    Heads get the weighted gradient.

    Deviation: losses have to be positive, of which the paper says nothing; one that is not is left alone (weight 0) and
    counts as the least positive number that single precision holds. The paper's second factor, by which chosen tasks
    count more, is left out.
    """

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return losses.clamp(min=torch.finfo(losses.dtype).tiny).log().mean().exp()
