"""Kinds of tasks: yes or no, one of several classes, a number, one of several candidates."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, MulticlassAccuracy, MulticlassF1Score
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError

from mtl.nn.heads import BinaryHead, ChoiceHead, ClassificationHead, ConditionalHead, RegressionHead
from mtl.tasks.metrics import ChoiceAccuracy, ChoiceRank, StandardisedR2
from mtl.tasks.task import Task


def binary(name: str, hidden: int = 0) -> Task:
    """Yes or no: target 0/1 (NaN or -100 = no label), loss binary cross-entropy, primary metric AUROC."""
    return Task(
        name=name,
        head=partial(BinaryHead, hidden=hidden),
        loss=lambda logit, target: functional.binary_cross_entropy_with_logits(
            logit, target.to(logit.dtype), reduction="none"
        ),
        decode=torch.sigmoid,
        metrics={"auroc": BinaryAUROC(), "accuracy": BinaryAccuracy()},
        primary="auroc",
        kind="binary",
    )


def conditional(name: str, upstream: str, hidden: int = 0) -> Task:
    """Yes or no, where yes needs yes in the task ``upstream``: its prediction is the product of both probabilities.

    See :class:`~mtl.nn.heads.ConditionalHead`. Targets, loss and metrics as of :func:`binary`, over all rows. With
    ``relations.detach=false`` its loss also teaches the upstream task, as published.
    """
    return replace(binary(name), head=partial(ConditionalHead, hidden=hidden), depends_on=(upstream,))


def classification(name: str, classes: int, hidden: int = 0) -> Task:
    """One of several classes: target ``[B]`` integer (-100 = no label), loss cross-entropy, primary metric accuracy."""
    return Task(
        name=name,
        head=partial(ClassificationHead, classes=classes, hidden=hidden),
        loss=lambda logits, target: functional.cross_entropy(logits, target.long(), reduction="none"),
        decode=partial(torch.softmax, dim=-1),
        metrics={
            "accuracy": MulticlassAccuracy(classes, average="micro"),
            "f1": MulticlassF1Score(classes, average="macro"),
        },
        primary="accuracy",
        kind="classes",
    )


def regression(name: str, hidden: int = 0, mean: float = 0.0, std: float = 1.0, primary: str = "r2") -> Task:
    """A number: target ``[B]`` floating (NaN = no label), loss squared error, primary metric R2, else mae or rmse.

    With ``mean`` and ``std`` of the training labels the head predicts the standardised value and the loss is relative
    to it, of the size of other tasks' losses; targets, decoded predictions and metrics stay in the target's own units.
    """
    return Task(
        name=name,
        head=partial(RegressionHead, hidden=hidden),
        loss=lambda value, target: functional.mse_loss(value, (target - mean) / std, reduction="none"),
        decode=lambda value: value * std + mean,
        metrics={
            "r2": StandardisedR2(mean, std),
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
        },
        primary=primary,
        kind="regression",
    )


def choice(
    name: str, hidden: int = 0, prior: Mapping[int, float] | None = None, most_candidates: int | None = None
) -> Task:
    """Which candidate: target ``[B, J]``, 1 for every acceptable candidate (NaN row = no label).

    Loss: ``-log sum_j p_j`` over the acceptable candidates j, so probability may lie on any of them (credit for ties).
    Primary metric: share of rows in which the most probable candidate is acceptable.

    Args:
        name: of the task.
        hidden: features of a hidden layer of the head; 0: none.
        prior: weights of columns of the input ``candidates``, the rule that the head starts at; None: none. See
            :class:`~mtl.nn.heads.ChoiceHead`.
        most_candidates: among more of them the rule alone chooses; None: the head always corrects it.

    Returns:
        The task.
    """
    return Task(
        name=name,
        head=partial(ChoiceHead, hidden=hidden, prior=prior, most_candidates=most_candidates),
        loss=choice_loss,
        decode=partial(torch.softmax, dim=-1),
        metrics={"accuracy": ChoiceAccuracy(), "rank": ChoiceRank()},
        primary="accuracy",
        kind="choice",
    )


def choice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Minus the log-probability of the acceptable candidates together; logits and target ``[B, J]`` to ``[B]``.

    A row without an acceptable candidate gives 0.
    """
    acceptable = target > 0
    lowest = torch.finfo(logits.dtype).min
    chosen = logits.masked_fill(~acceptable, lowest).logsumexp(-1)
    loss = logits.clamp(min=lowest).logsumexp(-1) - chosen
    return torch.where(acceptable.any(-1), loss, torch.zeros_like(loss))
