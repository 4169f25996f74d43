"""Kinds of tasks that say something of every candidate of a set: a number, or yes or no."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from mtl.nn.heads import CandidateHead
from mtl.tasks.metrics import MeanOverRows
from mtl.tasks.task import Task


def candidate_values(name: str, hidden: int = 0) -> Task:
    """A number of each candidate: target ``[B, J]``, NaN where there is no candidate or no label.

    Loss of a row: the mean squared error over its candidates. Primary metric: the mean over rows of their mean absolute
    errors.

    Args:
        name: of the task.
        hidden: features of the head's hidden layer; 0: none.

    Returns:
        The task.
    """
    return Task(
        name=name,
        head=partial(CandidateHead, hidden=hidden),
        loss=partial(mean_over_candidates, loss=partial(functional.mse_loss, reduction="none")),
        decode=unchanged,
        metrics={"mae": CandidateError()},
        primary="mae",
    )


def candidate_events(name: str, hidden: int = 0) -> Task:
    """Yes or no of each candidate: target ``[B, J]`` 0/1, NaN where there is no candidate or no label.

    Loss of a row: the mean binary cross-entropy over its candidates. Primary metric: the Brier score, the mean over
    rows of the mean squared error of the probabilities.

    Args:
        name: of the task.
        hidden: features of the head's hidden layer; 0: none.

    Returns:
        The task.
    """
    cross_entropy = partial(functional.binary_cross_entropy_with_logits, reduction="none")
    return Task(
        name=name,
        head=partial(CandidateHead, hidden=hidden),
        loss=partial(mean_over_candidates, loss=cross_entropy),
        decode=torch.sigmoid,
        metrics={"brier": CandidateBrier()},
        primary="brier",
    )


def unchanged(prediction: Tensor) -> Tensor:
    """The prediction."""
    return prediction


def mean_over_candidates(prediction: Tensor, target: Tensor, loss: partial[Tensor]) -> Tensor:
    """The mean loss of the candidates of each row that have a label.

    Args:
        prediction: ``[B, J]``.
        target: ``[B, J]``, NaN without a label.
        loss: of each candidate.

    Returns:
        ``[B]``; 0 where no candidate has a label.
    """
    known = ~target.isnan()
    values: Tensor = loss(prediction, torch.where(known, target, torch.zeros_like(target)))
    return values.masked_fill(~known, 0.0).sum(-1) / known.sum(-1).clamp(min=1)


class CandidateError(MeanOverRows):
    """Mean over rows of the mean absolute error of their candidates; lower is better.

    ``update(values [B, J], target [B, J])``; NaN in the target: not counted.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return (scores - target).abs().nanmean(-1)


class CandidateBrier(MeanOverRows):
    """Mean over rows of the mean squared error of their candidates' probabilities; lower is better.

    ``update(probabilities [B, J], target [B, J])``; NaN in the target: not counted.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return (scores - target).square().nanmean(-1)
