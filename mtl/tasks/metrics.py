"""Metrics that torchmetrics does not have: choosing among candidates of which several may be right, and
R2 of values far from zero.
"""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.regression import R2Score


class ChoiceAccuracy(Metric):
    """Share of rows in which the highest-scored candidate is acceptable, in [0, 1].

    ``update(scores [B, J], target [B, J])``; target is positive for every acceptable candidate.
    """

    higher_is_better = True
    full_state_update = False
    correct: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("correct", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Count one batch."""
        best = scores.argmax(-1, keepdim=True)
        self.correct += (target.gather(-1, best) > 0).sum()
        self.total += target.shape[0]

    def compute(self) -> Tensor:
        """The share; NaN before any row."""
        return self.correct / self.total


class ChoiceRank(Metric):
    """Mean rank of the best-scored acceptable candidate, 1 being first; lower is better.

    ``update(scores [B, J], target [B, J])``; rows without an acceptable candidate count with rank 1.
    """

    higher_is_better = False
    full_state_update = False
    ranks: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("ranks", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Count one batch."""
        best = scores.masked_fill(target <= 0, -torch.inf).amax(-1, keepdim=True)
        better = (scores > best) & (target > 0).any(-1, keepdim=True)
        self.ranks += (better.sum(-1) + 1).sum()
        self.total += target.shape[0]

    def compute(self) -> Tensor:
        """The mean rank; NaN before any row."""
        return self.ranks / self.total


class StandardisedR2(R2Score):
    """Coefficient of determination of values with known mean and standard deviation.

    R2 is the same for standardised values, but its sums of squares then keep their digits: of targets around 2,000
    with a spread of 1, single precision would otherwise leave no correct digit.
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count one batch."""
        super().update((preds - self.mean) / self.std, (target - self.mean) / self.std)
