"""Kinds of tasks: yes or no, one of several classes, a number, one of several candidates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryF1Score,
    MulticlassAccuracy,
    MulticlassF1Score,
)
from torchmetrics.regression import MeanAbsoluteError

from mtl.config.numbers import check_number
from mtl.errors import unknown
from mtl.nn.heads import BinaryHead, ChoiceHead, ClassificationHead, ConditionalHead, RegressionHead
from mtl.tasks.arguments import check_class_weights, check_smoothing, check_standard
from mtl.tasks.metrics import (
    AbsolutePercentageError,
    BalancedAccuracy,
    ChoiceAccuracy,
    ChoiceRank,
    MatthewsCorrelation,
    StandardisedR2,
    root_mean_squared_error,
)
from mtl.tasks.normal_scores import NormalScores
from mtl.tasks.probabilities import BinaryBrier, BinaryLogLoss, Brier, LogLoss, log_probabilities, ranked
from mtl.tasks.task import Task

# Metrics that may be primary beside the usual ones. Those of yes or no read ranked logits: they depend on the order of
# rows and on probabilities above 1/2 alone, or take the logits back
BINARY: Mapping[str, Callable[..., Metric]] = {
    "auroc": BinaryAUROC,
    "accuracy": BinaryAccuracy,
    "average_precision": partial(BinaryAveragePrecision, validate_args=False),  # which would refuse 0.0 and 1.0
    "f1": BinaryF1Score,
    "mcc": MatthewsCorrelation,
    "log_loss": BinaryLogLoss,
    "brier": BinaryBrier,
}
CLASSES: Mapping[str, Callable[..., Metric]] = {
    "accuracy": MulticlassAccuracy,
    "balanced_accuracy": BalancedAccuracy,
    "f1": MulticlassF1Score,
}
# Those of classes that read log-probabilities
OF_CHANCES: Mapping[str, Callable[[], Metric]] = {"log_loss": LogLoss, "brier": Brier}


def binary(
    name: str,
    hidden: int = 0,
    primary: str = "auroc",
    weights: Sequence[float] | None = None,
    smoothing: float = 0.0,
) -> Task:
    """Yes or no: target 0/1 (NaN or -100 = no label), loss binary cross-entropy.

    The metrics read :func:`ranked` logits, so that AUROC ranks rows whose probabilities are 1 to the last digit.

    Args:
        name: of the task.
        hidden: features of the head's hidden layer; 0: none.
        primary: ``auroc``, ``average_precision``, ``accuracy``, ``f1``, ``mcc``, ``log_loss`` or ``brier``.
        weights: of the losses of no and of yes; None: 1 each.
        smoothing: of the labels, as of :func:`classification`.

    Returns:
        The task.

    Raises:
        InputError: weights or smoothing that are none; no such metric.
    """
    check_smoothing(name, smoothing)
    check_class_weights(name, weights, 2)

    def loss(logit: Tensor, target: Tensor) -> Tensor:
        target = target.to(logit.dtype)
        smooth = torch.lerp(target, torch.full_like(target, 0.5), smoothing)
        found = functional.binary_cross_entropy_with_logits(logit, smooth, reduction="none")
        return found if weights is None else found * torch.where(target > 0, weights[1], weights[0])

    metrics: dict[str, Metric] = {"auroc": BinaryAUROC(), "accuracy": BinaryAccuracy()}
    if primary not in metrics:
        metrics = {primary: chosen_metric(name, primary, BINARY)(), **metrics}
    return Task(
        name=name,
        head=partial(BinaryHead, hidden=hidden),
        loss=loss,
        decode=torch.sigmoid,
        scores=ranked,
        merge=mean_chance,
        metrics=metrics,
        primary=primary,
        kind="binary",
        class_weights=None if weights is None else tuple(weights),
    )


def chosen_metric(task: str, name: str, known: Mapping[str, Callable[..., Metric]]) -> Callable[..., Metric]:
    """What makes the metric of this name. InputError with the nearest name if there is none."""
    if name not in known:
        raise unknown(f"primary metric of task '{task}'", name, known)
    return known[name]


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
    return given_upstream(binary(name), upstream, hidden)


def given_upstream(task: Task, upstream: str, hidden: int = 0) -> Task:
    """A task of yes and no whose yes needs yes in the task ``upstream``; see :func:`conditional`."""
    return replace(task, head=partial(ConditionalHead, hidden=hidden), depends_on=(upstream,))


def needed_event(task: Task) -> str | None:
    """The task whose yes a conditional one needs; None: it is no conditional one, or needs it no more."""
    head = task.head.func if isinstance(task.head, partial) else task.head
    conditional = isinstance(head, type) and issubclass(head, ConditionalHead)
    return task.depends_on[-1] if conditional and task.depends_on else None


def without_event(task: Task) -> Task:
    """A conditional task as one of yes and no by itself, as where it is learned without the task that it needs."""
    hidden = task.head.keywords.get("hidden", 0) if isinstance(task.head, partial) else 0
    return replace(task, head=partial(BinaryHead, hidden=hidden), depends_on=task.depends_on[:-1])


def classification(
    name: str,
    classes: int,
    hidden: int = 0,
    primary: str = "accuracy",
    weights: Sequence[float] | None = None,
    smoothing: float = 0.0,
) -> Task:
    """One of several classes: target ``[B]`` integer (-100 = no label), loss cross-entropy.

    With smoothing s the loss is that of a label which is so with probability ``1 - s`` and else any of the C classes:
    ``-(1 - s) log p_y - s / C sum_c log p_c`` (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception
    Architecture for Computer Vision", CVPR 2016, https://arxiv.org/abs/1512.00567). It is so in validation, too.

    Args:
        name: of the task.
        classes: how many.
        hidden: features of the head's hidden layer; 0: none.
        primary: ``accuracy``; ``balanced_accuracy`` or ``f1``, the mean over the classes; ``log_loss`` or ``brier``.
        weights: of the losses of each class; None: 1 each.
        smoothing: s, of the labels; 0 or more and below 1.

    Returns:
        The task.

    Raises:
        InputError: fewer than two classes; weights or smoothing that are none; no such metric.
    """
    check_number(f"classes of task '{name}'", classes, whole=True, least=2)
    check_smoothing(name, smoothing)
    check_class_weights(name, weights, classes)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        target = target.long()
        found = functional.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        return found if weights is None else found * logits.new_tensor(weights)[target]

    metrics: dict[str, Metric] = {
        "accuracy": MulticlassAccuracy(classes, average="micro"),
        "f1": MulticlassF1Score(classes, average="macro"),
    }
    if primary in OF_CHANCES:
        metrics = {primary: OF_CHANCES[primary](), **metrics}
    elif primary not in metrics:
        known = {**CLASSES, **OF_CHANCES}
        metrics = {primary: chosen_metric(name, primary, known)(classes), **metrics}
    return Task(
        name=name,
        head=partial(ClassificationHead, classes=classes, hidden=hidden),
        loss=loss,
        decode=partial(torch.softmax, dim=-1),
        scores=log_probabilities if primary in OF_CHANCES else None,  # of the same order for the other metrics
        metrics=metrics,
        primary=primary,
        kind="classes",
        merge=mean_chances,
        class_weights=None if weights is None else tuple(weights),
    )


def regression(
    name: str,
    hidden: int = 0,
    mean: float = 0.0,
    std: float = 1.0,
    primary: str = "r2",
    limits: tuple[float | None, float | None] = (None, None),
    logarithm: tuple[float, float] | None = None,
    offset: float = 0.0,
    knots: Sequence[float] = (),
) -> Task:
    """A number: target ``[B]`` floating (NaN = no label), loss squared error.

    With ``mean`` and ``std`` of the training labels the head predicts the standardised value and the loss is relative
    to it, of the size of other tasks' losses; targets, decoded predictions and metrics stay in the target's own units.
    With a ``logarithm``, the head predicts the standardised ``log(1 + y)``; with ``knots``, normal scores.

    Args:
        name: of the task.
        hidden: features of the head's hidden layer; 0: none.
        mean: of the training labels.
        std: of the training labels, above 0.
        primary: ``r2``, ``mae``, ``rmse``, or ``mape``, of labels that are not 0.
        limits: lower and upper one, at which decoded predictions are cut off.
        logarithm: mean and standard deviation of ``log(1 + y)`` of the training labels; None: y itself.
        offset: what labels and decoded predictions lack of the target's own values, which ``mape`` is relative to.
        knots: quantiles of the training labels by which :class:`~mtl.tasks.normal_scores.NormalScores` transforms
            them; empty: they are not.

    Returns:
        The task.

    Raises:
        InputError: a mean that is not finite, a standard deviation that is not above 0; no such metric.
    """
    center, scale = logarithm or (mean, std)
    check_standard(name, mean, std)
    check_standard(name, center, scale)
    scores = NormalScores(knots) if knots else None

    def encode(target: Tensor) -> Tensor:
        if scores is not None:
            return scores.encode(target)
        return ((target.log1p() if logarithm else target) - center) / scale

    def decode(value: Tensor) -> Tensor:
        if scores is not None:
            return scores.decode(value)
        found = value * scale + center
        found = found.expm1() if logarithm else found
        return found if limits == (None, None) else found.clamp(*limits)

    metrics: dict[str, Metric] = {
        "r2": StandardisedR2(mean, std),
        "mae": MeanAbsoluteError(),
        "rmse": root_mean_squared_error(std),
    }
    if primary == "mape":
        metrics = {"mape": AbsolutePercentageError(offset), **metrics}
    chosen_metric(name, primary, dict.fromkeys([*metrics, "mape"], Metric))
    return Task(
        name=name,
        head=partial(RegressionHead, hidden=hidden),
        loss=lambda value, target: functional.mse_loss(value, encode(target), reduction="none"),
        decode=decode,
        encode=encode,
        metrics=metrics,
        primary=primary,
        kind="regression",
    )


def choice(
    name: str, hidden: int = 0, prior: Sequence[float] | None = None, most_candidates: int | None = None
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
