"""What each row of a test contributes to a metric: the metric plus the row's influence on it, in closed form.

A metric T of m rows is a function of the weights of the rows, all of which are 1. Row r contributes
``c_r = T + m dT/dw_r``, where the weights are divided by their mean: the infinitesimal jackknife (Efron, "The
Jackknife, the Bootstrap and Other Resampling Plans", SIAM 1982, https://doi.org/10.1137/1.9781611970319, chapter 6). So
the mean of the contributions is T, and ``sum_r (c_r - T)^2 / m^2`` estimates the variance of T over samples of rows. Of
a mean over rows, c_r is the row's own value.

Where rows have weights of their own, ``v_r``, T is the weighted metric and a row is drawn with its weight: ``c_r = T +
m v_r dT/dv_r``.

How a metric maps to its closed form follows from its class: ``closed_form`` is a single-dispatch function, and a metric
of your own says its form by ``@closed_form.register`` beside its class. Any other metric has none, and
:func:`mtl.tasks.jackknife.group_jackknife` does the same from outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any, Protocol

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import (
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryMatthewsCorrCoef,
    BinaryStatScores,
    MulticlassCohenKappa,
    MulticlassStatScores,
)
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score, TweedieDevianceScore
from torchmetrics.utilities.compute import normalize_logits_if_needed

from mtl.tasks.metrics import MatthewsCorrelation, MeanOverRows, StandardisedR2, StandardisedRMSE

COUNTS = ("tp", "fp", "tn", "fn")  # states of the metrics that are functions of the confusion counts


class FromStatistics(Protocol):
    """What was kept of all m rows ``[m, S]``, and their weights ``[m]`` or None, to what each contributes ``[m]``."""

    def __call__(self, statistics: Tensor, weights: Tensor | None = None, /) -> Tensor:
        """The contributions."""


@dataclass(frozen=True)
class ClosedForm:
    """The contributions of rows in two steps, so that little is kept of each batch.

    Attributes:
        statistics: decoded predictions and targets of B labelled rows to what is kept of them, ``[B, S]`` in double
            precision.
        contributions: what was kept of all m rows to what each contributes.
        flat: it is for targets ``[B]`` only.
    """

    statistics: Callable[[Tensor, Tensor], Tensor]
    contributions: FromStatistics
    flat: bool = True


@singledispatch
def closed_form(metric: Metric) -> ClosedForm | None:
    """The closed form of a metric; None: it has none that is known."""
    return None


def measures_as(metric: Metric, known: Any) -> bool:
    """Whether a metric is updated and computed as a known class is: one derived from it may do something else."""
    own = type(metric)
    return own.update is known.update and own.compute is known.compute


def pair(prediction: Tensor, target: Tensor) -> Tensor:
    """Both numbers of each row, ``[B, 2]``."""
    return torch.stack([prediction.double(), target.double()], 1)


# -- means and ratios of sums ------------------------------------------------------------------------------------------


def given_or_ones(weights: Tensor | None, rows: int) -> Tensor:
    """The weights in double precision, 1 each where there are none, ``[m]``."""
    return torch.ones(rows, dtype=torch.float64) if weights is None else weights.double()


def mean_contributions(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of a mean: the row's own value; ``[m, 1]`` to ``[m]``. Of a weighted one as of a ratio of sums."""
    if weights is None:
        return values.squeeze(1)
    return ratio_contributions(torch.cat([values, torch.ones_like(values)], 1), weights)


def ratio_contributions(parts: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of ``T = sum_r a_r / sum_r b_r``: ``T + m (a_r - T b_r) / sum_r b_r``; a and b ``[m, 2]`` to ``[m]``.

    Weights multiply both.
    """
    above, below = (parts if weights is None else parts * weights[:, None]).unbind(1)
    value = above.sum() / below.sum()
    return value + (above - value * below) / below.mean()


@closed_form.register
def of_mean_over_rows(metric: MeanOverRows) -> ClosedForm | None:
    """Choice accuracy, choice rank, distance of ranks, pinball loss and the like."""
    if not measures_as(metric, MeanOverRows):
        return None
    return ClosedForm(lambda p, t: metric.values(p, t).double()[:, None], mean_contributions, flat=False)


# -- numbers -----------------------------------------------------------------------------------------------------------


@closed_form.register
def of_mean_absolute_error(metric: MeanAbsoluteError) -> ClosedForm | None:
    """The row's absolute error."""
    if not measures_as(metric, MeanAbsoluteError):
        return None
    return ClosedForm(lambda p, t: (p.double() - t.double()).abs()[:, None], mean_contributions)


@closed_form.register
def of_mean_squared_error(metric: MeanSquaredError) -> ClosedForm | None:
    """The row's squared error; of the root T of the mean M of them ``T + (e_r^2 - M) / (2 T)``."""
    if not measures_as(metric, StandardisedRMSE if isinstance(metric, StandardisedRMSE) else MeanSquaredError):
        return None
    contributions = mean_contributions if metric.squared else root_contributions
    return ClosedForm(lambda p, t: (p.double() - t.double()).square()[:, None], contributions)


def root_contributions(squares: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of the root of a mean, ``[m, 1]`` to ``[m]``; without any error nothing has an influence."""
    of_mean = mean_contributions(squares, weights)
    mean = of_mean.mean()
    return mean.sqrt() + (of_mean - mean) / (2 * mean.sqrt()) if mean else squares.squeeze(1)


@closed_form.register
def of_deviance(metric: TweedieDevianceScore) -> ClosedForm | None:
    """The row's Poisson deviance; None of another distribution."""
    if not measures_as(metric, TweedieDevianceScore) or metric.power != 1:
        return None

    def statistics(prediction: Tensor, target: Tensor) -> Tensor:
        rate, seen = prediction.double(), target.double()
        deviance: Tensor = 2 * (torch.special.xlogy(seen, seen / rate) + rate - seen)
        return deviance[:, None]

    return ClosedForm(statistics, mean_contributions)


@closed_form.register
def of_r2(metric: R2Score) -> ClosedForm | None:
    """Of R2; standardised or not, it is the same. None where it is adjusted."""
    known = StandardisedR2 if isinstance(metric, StandardisedR2) else R2Score
    return ClosedForm(pair, r2_contributions) if measures_as(metric, known) and not metric.adjusted else None


def r2_contributions(pairs: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of ``R2 = 1 - E / S``: ``R2 - m (e_r^2 - s_r^2 E / S) / S``.

    E is the sum of ``e_r^2``, the squared errors, and S that of ``s_r^2``, the squared distances of the targets to
    their mean. A row's weight also moves this mean, but S is least there, so that does not count.

    Args:
        pairs: predictions and targets ``[m, 2]``.
        weights: of the rows in both sums and in the mean; None: 1 each.

    Returns:
        ``[m]``; NaN where all targets are equal, as R2 is not defined then.
    """
    prediction, target = pairs.unbind(1)
    each = given_or_ones(weights, len(target))
    middle = (each * target).sum() / each.sum()
    error, distance = each * (target - prediction).square(), each * (target - middle).square()
    ratio = error.sum() / distance.sum()
    return 1 - ratio - (error - ratio * distance) / distance.mean()


# -- ranks -------------------------------------------------------------------------------------------------------------


@closed_form.register
def of_auroc(metric: BinaryAUROC) -> ClosedForm | None:
    """Of the area under the whole ROC curve; None where thresholds are given or a part of it is asked for."""
    if not measures_as(metric, BinaryAUROC) or metric.thresholds is not None or metric.ignore_index is not None:
        return None
    if metric.max_fpr not in (None, 1):
        return None
    return ClosedForm(lambda p, t: pair(normalize_logits_if_needed(p, "sigmoid"), t), auroc_contributions)


def auroc_contributions(pairs: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of the area A under the ROC curve, by placements.

    Source: DeLong, DeLong, Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
    Characteristic Curves: A Nonparametric Approach", Biometrics 1988, https://doi.org/10.2307/2531595.

    The placement V of a positive is the share of the negatives that are scored lower, that of a negative the share of
    the positives that are scored higher; ties count half. A is the mean of either. One of the n rows of its class
    contributes ``A + m/n (V - A)``, so that the variance is DeLong's (with divisors n instead of n - 1). With weights
    v, shares and means are weighted, and the factor is ``m v_r / sum of v over the class``.

    Args:
        pairs: scores and targets (0 or 1), ``[m, 2]``.
        weights: of the rows; None: 1 each.

    Returns:
        ``[m]``; NaN where there is one class only.
    """
    score, target = pairs.unbind(1)
    positive, each = target > 0.5, given_or_ones(weights, len(score))
    placement = torch.empty_like(score)
    placement[positive] = share_below(score[positive], score[~positive], each[~positive])
    placement[~positive] = 1 - share_below(score[~positive], score[positive], each[positive])
    area = (each * placement)[positive].sum() / each[positive].sum()
    of_class = torch.where(positive, each[positive].sum(), each[~positive].sum())
    return area + len(score) * each / of_class * (placement - area)


def share_below(values: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """The share of the others that each value is above, ties counting half.

    Args:
        values: ``[n]``.
        others: ``[k]``.
        weights: of the others, ``[k]``.

    Returns:
        ``[n]``.
    """
    ordered, order = others.sort()
    below = torch.cat([weights.new_zeros(1), weights[order].cumsum(0)])  # total weight of the first i
    lower, upper = (below[torch.searchsorted(ordered, values, right=right)] for right in (False, True))
    return (lower + upper) / (2 * below[-1])


@closed_form.register
def of_average_precision(metric: BinaryAveragePrecision) -> ClosedForm | None:
    """Of average precision over all thresholds; None where some are given."""
    if not measures_as(metric, BinaryAveragePrecision) or metric.thresholds is not None:
        return None
    if metric.ignore_index is not None:
        return None
    return ClosedForm(lambda p, t: pair(normalize_logits_if_needed(p, "sigmoid"), t), precision_contributions)


def precision_contributions(pairs: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of average precision, by its gradient.

    With rows sorted from the highest score on, ``A = sum_t p_t P_t / sum_t p_t`` over the different scores t: p_t is
    the weight of the positives with this score, and the precision P_t the share of the positives in the weight of all
    rows with this score or a higher one. It is the area that torchmetrics has, and does not change if all weights are
    multiplied by one number, so that the mean of ``A + m v_r dA/dv_r`` is A.

    Args:
        pairs: scores and targets (0 or 1), ``[m, 2]``.
        weights: of the rows; None: 1 each.

    Returns:
        ``[m]``; NaN where there is no positive.
    """
    score, order = pairs[:, 0].sort(descending=True)
    positive, each = pairs[order, 1] > 0.5, given_or_ones(weights, len(score))[order]
    last = torch.unique_consecutive(score, return_counts=True)[1].cumsum(0) - 1  # of the rows with each score
    with torch.inference_mode(False), torch.enable_grad():
        leaf = each.clone().requires_grad_()
        # Copies, since a tensor of inference mode cannot be kept for the gradient
        positive, last = positive.clone(), last.clone()
        found, seen = ((leaf * chosen).cumsum(0)[last] for chosen in (positive, torch.ones_like(positive)))
        precision = found / seen.clamp(min=torch.finfo(seen.dtype).tiny)  # rows without weight may come first
        area = (found.diff(prepend=found.new_zeros(1)) * precision).sum() / found[-1]
        (gradient,) = torch.autograd.grad(area, leaf)
    return torch.empty_like(score).index_copy(0, order, area.detach() + len(score) * each * gradient)


# -- functions of the confusion counts ---------------------------------------------------------------------------------


@closed_form.register
def of_binary_counts(metric: BinaryStatScores) -> ClosedForm | None:
    """Accuracy, F1, precision, recall, specificity, ... of yes or no."""
    if type(metric).update is not BinaryStatScores.update or not counts_rows(metric):
        return None

    def statistics(prediction: Tensor, target: Tensor) -> Tensor:
        yes = prediction
        if prediction.is_floating_point():
            yes = normalize_logits_if_needed(prediction, "sigmoid") > metric.threshold
        true = target.bool()
        yes = yes.bool()
        return torch.stack([yes & true, yes & ~true, ~yes & ~true, ~yes & true], 1).double()  # as COUNTS

    def contributions(counts: Tensor, weights: Tensor | None = None) -> Tensor:
        counts = counts * given_or_ones(weights, len(counts))[:, None]
        value, gradient = with_count_gradient(metric, counts.sum(0)[:, None])
        return value + centred(len(counts) * counts @ gradient[:, 0])

    return ClosedForm(statistics, contributions)


@closed_form.register
def of_class_counts(metric: MulticlassStatScores) -> ClosedForm | None:
    """Accuracy, F1, precision, recall, ... of several classes, averaged as micro, macro or weighted."""
    if type(metric).update is not MulticlassStatScores.update or not counts_rows(metric) or metric.top_k != 1:
        return None

    def statistics(prediction: Tensor, target: Tensor) -> Tensor:
        return pair(prediction.argmax(1) if prediction.dim() == 2 else prediction, target)

    return ClosedForm(statistics, partial(class_count_contributions, metric))


@closed_form.register
def of_cohen_kappa(metric: MulticlassCohenKappa) -> ClosedForm | None:
    """Of Cohen's kappa, weighted or not."""
    if not measures_as(metric, MulticlassCohenKappa) or metric.ignore_index is not None:
        return None
    return ClosedForm(
        lambda p, t: pair(p.argmax(1) if p.dim() == 2 else p, t), partial(confusion_contributions, metric)
    )


def confusion_contributions(
    metric: MulticlassCohenKappa | BinaryMatthewsCorrCoef, classes: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Of a function of the confusion matrix: its derivative by the row's cell (the delta method).

    Args:
        metric: the function.
        classes: predicted and true, ``[m, 2]``.
        weights: of the rows; None: 1 each.

    Returns:
        ``[m]``; NaN where the matrix does not define the metric.
    """
    predicted, true = classes.long().unbind(1)
    each = given_or_ones(weights, len(true))
    width = 2 if isinstance(metric, BinaryMatthewsCorrCoef) else int(metric.num_classes)
    counts = (true * width + predicted).bincount(each, minlength=width**2).view(width, width)
    value, (gradient,) = with_gradient(metric, {"confmat": counts})
    return value + centred(len(true) * each * gradient[true, predicted])


@closed_form.register
def of_matthews(metric: BinaryMatthewsCorrCoef) -> ClosedForm | None:
    """Of Matthews' correlation coefficient of yes or no."""
    known = MatthewsCorrelation if isinstance(metric, MatthewsCorrelation) else BinaryMatthewsCorrCoef
    if not measures_as(metric, known) or metric.ignore_index is not None:
        return None

    def statistics(prediction: Tensor, target: Tensor) -> Tensor:
        return pair(normalize_logits_if_needed(prediction, "sigmoid") > metric.threshold, target)

    return ClosedForm(statistics, partial(confusion_contributions, metric))


def counts_rows(metric: BinaryStatScores | MulticlassStatScores) -> bool:
    """Whether every row is counted, and all of them together."""
    return metric.ignore_index is None and metric.multidim_average == "global"


def class_count_contributions(metric: MulticlassStatScores, classes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of a function of the confusion counts: its gradient times what a row adds to the counts (the delta method).

    Args:
        metric: the function.
        classes: predicted and true, ``[m, 2]``.
        weights: of the rows; None: 1 each.

    Returns:
        ``[m]``.
    """
    predicted, true = classes.long().unbind(1)
    each, width = given_or_ones(weights, len(true)), int(metric.num_classes or 1)
    right = predicted == true
    tp, fp, fn = (
        part.bincount(each[chosen], minlength=width)
        for part, chosen in ((true[right], right), (predicted[~right], ~right), (true[~right], ~right))
    )
    counts = torch.stack([tp, fp, each.sum() - tp - fp - fn, fn])  # [4, C], as COUNTS
    if metric.average == "micro":
        counts = counts.sum(1, keepdim=True)
    value, gradient = with_count_gradient(metric, counts)
    by_tp, by_fp, by_tn, by_fn = gradient.expand(4, width)
    by_row = torch.where(right, by_tp[true], by_fp[predicted] + by_fn[true])
    by_row += by_tn.sum() - by_tn[true] - by_tn[predicted].masked_fill(right, 0.0)  # of all other classes
    return value + centred(len(true) * each * by_row)


def with_count_gradient(metric: Metric, counts: Tensor) -> tuple[Tensor, Tensor]:
    """A metric as a function of confusion counts.

    Args:
        metric: a template, which stays as it is.
        counts: ``[4, C]`` in the order of COUNTS.

    Returns:
        The value, and its gradient ``[4, C]``: 0 where a class has no row, on which the metric then does not depend.
    """
    value, gradients = with_gradient(metric, dict(zip(COUNTS, counts.unbind(), strict=True)))
    return value, torch.stack(gradients).nan_to_num(0.0, 0.0, 0.0)


def with_gradient(metric: Metric, states: Mapping[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """A metric as a function of its states.

    Args:
        metric: a template, which stays as it is.
        states: by name.

    Returns:
        The value, and its gradient by each of the states: 0 of a value that is a constant there, as of Matthews'
        coefficient where all rows are right.
    """
    own = metric.clone()
    with torch.inference_mode(False), torch.enable_grad():
        leaves = {name: state.clone().requires_grad_() for name, state in states.items()}
        for name, leaf in leaves.items():
            setattr(own, name, leaf)
        value: Tensor = type(own).compute(own)  # not through the object, which would look for updates
        if not value.requires_grad:
            return value, [torch.zeros_like(leaf) for leaf in leaves.values()]
        gradients = torch.autograd.grad(value.sum(), list(leaves.values()), materialize_grads=True)
    return value.detach(), list(gradients)


def centred(values: Tensor) -> Tensor:
    """The values minus their mean."""
    return values - values.mean()
