"""Quantiles of a number, several at once."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl.nn.heads import VectorHead
from mtl.tasks.arguments import check_increasing, check_standard
from mtl.tasks.kinds import chosen_metric
from mtl.tasks.metrics import Coverage, PinballLoss, pinball
from mtl.tasks.task import Task


def quantiles(
    name: str,
    levels: Sequence[float],
    mean: float = 0.0,
    std: float = 1.0,
    hidden: int = 0,
    primary: str = "pinball",
    limits: tuple[float | None, float | None] = (None, None),
) -> Task:
    """Quantiles of a number: target ``[B]`` floating (NaN = no label), one prediction for each of Q levels.

    The loss is the mean over the levels q of ``max(q (y - p), (q - 1) (y - p))``, of standardised labels y and
    predictions p; the level's quantile minimises its mean.

    Source: Koenker, Bassett, "Regression Quantiles", Econometrica 1978, https://doi.org/10.2307/1913643. Decoded
    predictions are sorted, so that no quantile is above a higher one: Chernozhukov, Fernandez-Val, Galichon, "Quantile
    and Probability Curves Without Crossing", Econometrica 2010, https://doi.org/10.3982/ECTA7880, who show that this
    never makes them worse.

    Args:
        name: of the task.
        levels: increasing, each above 0 and below 1.
        mean: of the training labels.
        std: of the training labels, above 0.
        hidden: features of the head's hidden layer; 0: none.
        primary: ``pinball``, the mean loss in the target's own units. Beside it stands ``coverage``, the share of
            labels between the lowest and the highest quantile (of one level: not above it), which is to be near
            ``highest - lowest level``.
        limits: lower and upper one, at which decoded predictions are cut off.

    Returns:
        The task.

    Raises:
        InputError: levels that are none, or not in order; a mean or standard deviation that is none; no such metric.
    """
    each = tuple(levels)
    check_standard(name, mean, std)
    check_increasing(
        f"levels of task '{name}'",
        each,
        "increasing ones, above 0 and below 1",
        lambda found: len(found) > 0 and found[0] > 0 and found[-1] < 1,
    )

    def encode(target: Tensor) -> Tensor:
        return (target - mean) / std

    def decode(values: Tensor) -> Tensor:
        found = (values * std + mean).sort(-1).values
        return found if limits == (None, None) else found.clamp(*limits)

    metrics: dict[str, Metric] = {"pinball": PinballLoss(each), "coverage": Coverage()}
    chosen_metric(name, primary, {"pinball": PinballLoss})
    return Task(
        name=name,
        head=partial(VectorHead, values=len(each), hidden=hidden),
        loss=lambda values, target: pinball(values, encode(target), torch.tensor(each, device=values.device)),
        decode=decode,
        metrics=metrics,
        primary=primary,
        kind="quantiles",
    )
