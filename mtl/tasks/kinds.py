"""Kinds of tasks: yes or no, one of several classes, a number, one of several candidates."""

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

LARGEST = 1e30


def binary(name: str, hidden: int = 0) -> Task:
    """Yes or no: target 0/1 (NaN or -100 = no label), loss binary cross-entropy, primary metric AUROC.

    The metrics read :func:`ranked` logits, so that AUROC ranks rows whose probabilities are 1 to the last digit.
    """
    return Task(
        name=name,
        head=partial(BinaryHead, hidden=hidden),
        loss=lambda logit, target: functional.binary_cross_entropy_with_logits(
            logit, target.to(logit.dtype), reduction="none"
        ),
        decode=torch.sigmoid,
        scores=ranked,
        merge=mean_chance,
        metrics={"auroc": BinaryAUROC(), "accuracy": BinaryAccuracy()},
        primary="auroc",
        kind="binary",
    )


def ranked(logit: Tensor) -> Tensor:
    """Logits in (0, 1), in their order and with 0 at 1/2, ``(1 + z / (1 + |z|)) / 2`` in double precision.

    The sigmoid of single precision is 1 from 17 on, that of double precision from 37 on. These values are no
    probabilities; AUROC and accuracy at 1/2 are those of the probabilities.
    """
    wide = logit if logit.device.type == "mps" else logit.double()  # which has no double precision
    wide = wide.clamp(min=-LARGEST, max=LARGEST)  # infinity over infinity is no number
    return (1 + wide / (1 + wide.abs())) / 2


def mean_chance(logits: Tensor) -> Tensor:
    """The logit of the mean of the members' probabilities, ``[B, M] -> [B]``."""
    yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    return yes.logsumexp(1) - no.logsumexp(1)


def mean_chances(logits: Tensor) -> Tensor:
    """Logits of the mean of the members' probabilities of the classes, ``[B, M, C] -> [B, C]``."""
    return logits.log_softmax(-1).logsumexp(1)


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
        merge=mean_chances,
    )


def regression(
    name: str,
    hidden: int = 0,
    mean: float = 0.0,
    std: float = 1.0,
    primary: str = "r2",
    limits: tuple[float | None, float | None] = (None, None),
) -> Task:
    """A number: target ``[B]`` floating (NaN = no label), loss squared error, primary metric R2, else mae or rmse.

    With ``mean`` and ``std`` of the training labels the head predicts the standardised value and the loss is relative
    to it, of the size of other tasks' losses; targets, decoded predictions and metrics stay in the target's own units.
    Decoded predictions are cut off at the ``limits``, lower and upper, where these are given.
    """
    low, high = limits
    return Task(
        name=name,
        head=partial(RegressionHead, hidden=hidden),
        loss=lambda value, target: functional.mse_loss(value, (target - mean) / std, reduction="none"),
        decode=lambda value: value * std + mean if limits == (None, None) else (value * std + mean).clamp(low, high),
        metrics={
            "r2": StandardisedR2(mean, std),
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
        },
        primary=primary,
        kind="regression",
    )


def choice(name: str, hidden: int = 0) -> Task:
    """Which candidate: target ``[B, J]``, 1 for every acceptable candidate (NaN row = no label).

    Loss: ``-log sum_j p_j`` over the acceptable candidates j, so probability may lie on any of them (credit for ties).
    Primary metric: share of rows in which the most probable candidate is acceptable.
    """
    return Task(
        name=name,
        head=partial(ChoiceHead, hidden=hidden),
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
