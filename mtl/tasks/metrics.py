"""Metrics that torchmetrics does not have: of choices, ranks and quantiles, and of values far from zero."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import BinaryMatthewsCorrCoef, MulticlassAccuracy
from torchmetrics.regression import MeanSquaredError, R2Score, TweedieDevianceScore
from typing_extensions import override

SQUARES = (1e-12, 1e12)  # standard deviations between which squared errors have a place in single precision
ROUNDING = 100  # a difference of sums is rounding up to so many times the precision of these


def wide(values: Tensor) -> Tensor:
    """Numbers in double precision, but for a device that has none."""
    return values if values.device.type == "mps" else values.double()


class MeanOverRows(Metric):
    """The mean of one value per row; NaN before any row.

    The mean is a metric inside. As a base class, ``MeanMetric`` would give all such metrics states of one name, and a
    ``MetricCollection`` takes metrics for one whose states are equal after the first batch, as the sums of accuracy and
    rank are where every choice is right.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.mean = MeanMetric(nan_strategy="disable")

    @abstractmethod
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        """The value of each row, ``[B]``, from what ``update`` was given."""

    @override
    def update(self, scores: Tensor, target: Tensor) -> None:
        self.mean.update(self.values(scores, target))

    @override
    def compute(self) -> Tensor:
        mean: Tensor = self.mean.compute()
        return mean

    @override
    def reset(self) -> None:
        super().reset()
        self.mean.reset()


class ChoiceAccuracy(MeanOverRows):
    """Share of rows in which the highest-scored candidate is acceptable, in [0, 1].

    ``update(scores [B, J], target [B, J])``; target is positive for every acceptable candidate.
    """

    higher_is_better = True

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        best = scores.argmax(-1, keepdim=True)
        return (target.gather(-1, best) > 0).squeeze(-1)


class ChoiceRank(MeanOverRows):
    """Mean rank of the best-scored acceptable candidate, 1 being first; lower is better.

    ``update(scores [B, J], target [B, J])``; rows without an acceptable candidate count with rank 1.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        best = scores.masked_fill(target <= 0, -torch.inf).amax(-1, keepdim=True)
        better = (scores > best) & (target > 0).any(-1, keepdim=True)
        return better.sum(-1) + 1


class BalancedAccuracy(MulticlassAccuracy):
    """Mean over the classes that rows are of of the share of these rows whose class is predicted, in [0, 1].

    Other than in torchmetrics a class that is predicted and of which there is no row does not count: there is no share
    of its rows.

    Args:
        classes: how many.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(classes, average="macro")

    @override
    def compute(self) -> Tensor:
        right, missed = (
            self.tp,
            self.fn,
        )  # [C]; lists where each sample has some of its own, which this metric never has
        assert isinstance(right, Tensor)
        assert isinstance(missed, Tensor)
        rows = right + missed
        there = rows > 0
        return (right[there] / rows[there]).mean()


class MatthewsCorrelation(BinaryMatthewsCorrCoef):
    """Matthews' correlation coefficient of yes or no, in [-1, 1]; 0 where all answers are alike, or all labels are.

    Source: Chicco, Jurman, "The advantages of the Matthews correlation coefficient (MCC) over F1 score and accuracy in
    binary classification evaluation", BMC Genomics 2020, https://doi.org/10.1186/s12864-019-6413-7: without a single
    wrong row it is 1, without a single right one -1, and 0 where a row or a column of the confusion matrix is empty
    otherwise. There torchmetrics has other numbers, such as 0.27 for no to all of 90 noes and 10 yeses.
    """

    @override
    def compute(self) -> Tensor:
        (tn, fp), (fn, tp) = counts = self.confmat
        empty = bool((counts.sum(0) == 0).any() or (counts.sum(1) == 0).any())
        if empty and fp + fn > 0 and tp + tn > 0:
            return torch.zeros((), device=counts.device)
        return super().compute()


class RankError(MeanOverRows):
    """Mean distance between the most probable and the true one of classes from low to high; lower is better.

    ``update(probabilities [B, C], target [B])``.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return (scores.argmax(-1) - target).abs()


def pinball(predictions: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """The mean over Q levels of the pinball loss of quantiles ``[B, Q]``, beside targets ``[B]``: ``[B]``."""
    above = target.unsqueeze(-1) - predictions
    return torch.maximum(levels * above, (levels - 1) * above).mean(-1)


class PinballLoss(MeanOverRows):
    """Mean pinball loss over rows and levels; lower is better. ``update(quantiles [B, Q], target [B])``.

    Args:
        levels: of the Q quantiles.
    """

    higher_is_better = False

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        self.levels = tuple(levels)

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return pinball(scores, target, torch.tensor(self.levels, device=scores.device))


class Coverage(MeanOverRows):
    """Share of targets between the lowest and the highest quantile, of one quantile those not above it.

    ``update(quantiles [B, Q], target [B])``. Neither high nor low is better: it is to be near the difference of the
    highest and the lowest level.
    """

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        within = target <= scores[:, -1]
        return within & (target >= scores[:, 0]) if scores.shape[1] > 1 else within


class AbsolutePercentageError(MeanOverRows):
    """Mean of ``|p - y| / |y|`` of numbers that are not 0, 0.1 for 10 %; lower is better. ``update(p [B], y [B])``.

    Args:
        offset: what both lack of their own values.
    """

    higher_is_better = False

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.offset = offset

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return (scores - target).abs() / (target + self.offset).abs()


class PoissonDeviance(TweedieDevianceScore):
    """Mean Poisson deviance ``2 (y log(y / p) - y + p)`` of counts y and rates p above 0; lower is better."""

    higher_is_better = False  # type: ignore[assignment]  # which the library leaves open

    def __init__(self) -> None:
        super().__init__(power=1.0)


class StandardisedR2(R2Score):
    """Coefficient of determination of values with known mean and standard deviation; NaN where all targets are equal.

    R2 is the same for standardised values, but its sums of squares then keep their digits: of targets around 2,000
    with a spread of 1, single precision would otherwise leave no correct digit. For the same reason they are of double
    precision.

    torchmetrics takes sums of squares below 0.0001 for 0, and gives 1 or 0 then. These may have any size: where one of
    the training labels is a million times the others, the spread of all others is little beside the standard deviation.

    Args:
        mean: of the values.
        std: of the values.
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    @override
    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update((wide(preds) - self.mean) / self.std, (wide(target) - self.mean) / self.std)

    @override
    def compute(self) -> Tensor:
        if self.total < 2:
            return torch.full_like(self.residual, torch.nan)
        spread = self.sum_squared_error - self.sum_error.square() / self.total
        rounding = ROUNDING * torch.finfo(spread.dtype).eps * self.sum_squared_error
        return torch.where(spread > rounding, 1 - self.residual / spread, torch.nan)


class StandardisedRMSE(MeanSquaredError):
    """Root of the mean squared error of values with a known standard deviation, in their own units.

    Squares of errors below 1e-23 are 0 in single precision, and of those above 1e19 infinite.

    Args:
        std: of the values.
    """

    def __init__(self, std: float) -> None:
        super().__init__(squared=False)
        self.std = std

    @override
    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds / self.std, target / self.std)

    @override
    def compute(self) -> Tensor:
        return super().compute() * self.std


def root_mean_squared_error(std: float) -> MeanSquaredError:
    """The metric for values of this standard deviation."""
    return MeanSquaredError(squared=False) if SQUARES[0] < std < SQUARES[1] else StandardisedRMSE(std)
