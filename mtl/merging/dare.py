"""The sum of task vectors most of whose entries are dropped by chance."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.merging.base import ScaledMerging, TaskVectors


class Dare(ScaledMerging):
    """DARE: drop entries of the task vectors by chance, rescale the others, and add up.

    Source: Yu et al., "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch",
    ICML 2024, https://arxiv.org/abs/2311.03099.

    ``theta = theta_0 + lambda sum_k m_k tau_k / (1 - p)`` with ``tau_k = theta_k - theta_0`` and independent entries of
    ``m_k`` that are 0 with probability p, else 1. So each entry of the sum keeps its expected value, while fewer of
    those of different tasks meet. The lambda is the best one on validation.

    Deviations: of the ways to merge that the paper puts behind it, task arithmetic is here. p is .5 by default, where
    the paper drops .9 and more: that is for networks of a billion parameters whose entries have hardly changed (it says
    of large changes that DARE fails).

    Args:
        coefficients: the lambdas to be tried.
        drop: p. What is dropped follows from the run's seed.
    """

    def __init__(self, coefficients: Sequence[float], drop: float = 0.5) -> None:
        super().__init__(coefficients)
        check_factor("model.merge.drop", drop, least=0, below=1)
        self.drop = drop

    @override
    def direction(self, vectors: TaskVectors) -> Tensor:
        entries = vectors.differences
        draw = torch.rand(entries.shape, generator=torch.Generator().manual_seed(vectors.seed))
        return torch.where(draw >= self.drop, entries, 0.0).sum(0) / (1 - self.drop)
