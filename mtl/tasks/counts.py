"""Counts: a rate is predicted by Poisson regression."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics import Metric
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError

from mtl.config.numbers import check_number
from mtl.nn.heads import RegressionHead
from mtl.tasks.kinds import chosen_metric
from mtl.tasks.metrics import PoissonDeviance
from mtl.tasks.task import Task

FARTHEST = 30.0  # of a log rate from that of the mean: beyond it exp() ends at 0 or infinity in single precision


def count(
    name: str,
    mean: float = 1.0,
    hidden: int = 0,
    primary: str = "deviance",
    limits: tuple[float | None, float | None] = (None, None),
) -> Task:
    """How often: target ``[B]`` floating, whole numbers of 0 or more (NaN = no label); the rate is predicted.

    The head predicts ``s``, the logarithm of the rate over the mean of the training labels, so that learning begins at
    the mean. The loss is half the Poisson deviance of ``y / mean``, ``exp(s) - s y' - y' + y' log y'`` with ``y' = y /
    mean``: the negative log-likelihood of a Poisson distribution (torch's ``poisson_nll_loss``) up to a factor, with a
    constant that makes it 0 where the prediction is the label.

    Source: McCullagh, Nelder, "Generalized Linear Models", Chapman and Hall 1989,
    https://doi.org/10.1007/978-1-4899-3242-6 (sections 2.3 and 6.2).

    Args:
        name: of the task.
        mean: of the training labels, above 0.
        hidden: features of the head's hidden layer; 0: none.
        primary: ``deviance``, the mean Poisson deviance, ``mae`` or ``rmse``.
        limits: lower and upper one, at which predicted rates are cut off.

    Returns:
        The task.

    Raises:
        InputError: a mean that is not above 0; no such metric.
    """
    check_number(f"mean of task '{name}'", float(mean), above=0)

    def encode(target: Tensor) -> Tensor:
        return target / mean

    def loss(log_rate: Tensor, target: Tensor) -> Tensor:
        relative = encode(target)
        likelihood = functional.poisson_nll_loss(log_rate, relative, log_input=True, reduction="none")
        found: Tensor = likelihood - relative + torch.special.xlogy(relative, relative)
        return found

    def decode(log_rate: Tensor) -> Tensor:
        rate = log_rate.clamp(-FARTHEST, FARTHEST).exp() * mean
        if limits == (None, None):
            return rate
        low, high = limits
        # A rate of 0 would make any count impossible
        return rate.clamp(max(low or 0.0, mean * 1e-6), high)

    metrics: dict[str, Metric] = {
        "deviance": PoissonDeviance(),
        "mae": MeanAbsoluteError(),
        "rmse": MeanSquaredError(squared=False),
    }
    chosen_metric(name, primary, dict.fromkeys(metrics, Metric))
    return Task(
        name=name,
        head=partial(RegressionHead, hidden=hidden),
        loss=loss,
        decode=decode,
        encode=encode,
        metrics=metrics,
        primary=primary,
        kind="count",
    )
