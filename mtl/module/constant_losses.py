"""The loss of the best constant prediction of each task: where its learning begins, whatever the initial values are."""

from collections.abc import Iterable, Sequence
from math import inf, isfinite, nan
from typing import NamedTuple, cast

import torch
from torch import Tensor

from mtl.module.evaluating import evaluating
from mtl.network import Network
from mtl.nn.heads import Head
from mtl.suites.batch import Batch
from mtl.tasks import Task, labelled

ITERATIONS = 100  # of L-BFGS; yes or no, classes and numbers need 3 to 20
LEARNED = 1e-3  # of the loss of zeros: less is nothing, where all labels are the same


class Part(NamedTuple):
    """The labelled rows of a batch, as far as a constant prediction depends on them.

    Attributes:
        shape: of the raw predictions, ``[B, ...]``.
        masked: which of their entries are no answers (``-inf``), as of padded candidates; None: none.
        target: ``[B, ...]``.
        weights: of the rows, ``[B]``; None: 1 each.
    """

    shape: torch.Size
    masked: Tensor | None
    target: Tensor
    weights: Tensor | None = None


def constant_losses(network: Network, batches: Iterable[Batch]) -> Tensor:
    """The least mean loss ``[K]`` that one raw prediction for all rows has, over the labelled rows of these batches.

    Of yes or no and of classes it is the entropy of the labels' shares, of a number the variance, of a choice the loss
    of a uniform choice. For any task: the vector along the last axis of a prediction ``[B, ..., C]`` (or the number, of
    ``[B]``) that is the same in every row and at every position between, found by L-BFGS from zeros, so of a loss that
    is not convex a local minimum. Where the labels have the shape of what follows the second axis, as of predictions
    ``[B, C, H, W]`` of pixels, it is the vector along that one. One number for all candidates where the head's answers
    are of a set (:attr:`~mtl.nn.heads.Head.exchangeable`). Entries that the network masks stay masked.

    Nothing random is drawn, and the network is as it was. One pass of all rows through the network, without gradients.

    Args:
        network: gives the shape and the mask of the predictions; their values do not matter.
        batches: all training rows.

    Returns:
        ``[K]``; NaN for a task that has no label, or whose loss of a constant is not finite; 0 where all labels are the
        same and a constant says them.
    """
    parts: dict[str, list[Part]] = {name: [] for name in network.graph.names}
    with evaluating(network), torch.no_grad():
        for batch in batches:
            predictions = network(batch.inputs)
            for name, found in parts.items():
                target = batch.targets[name]
                rows = labelled(target)
                if rows.any():
                    masked = (predictions[name] == -inf)[rows]
                    weights = None if batch.weights is None else batch.weights[rows]
                    found.append(Part(masked.shape, masked if masked.any() else None, target[rows], weights))
    losses = [
        least_loss(task, parts[task.name], cast(Head, network.heads[task.name]).exchangeable)
        for task in network.graph.tasks
    ]
    return torch.tensor(losses)


def least_loss(task: Task, parts: list[Part], exchangeable: bool) -> float:
    """The least mean loss of a task over constant raw predictions.

    Args:
        task: its loss.
        parts: the rows.
        exchangeable: one number for all entries of a prediction.

    Returns:
        As of :func:`constant_losses`.
    """
    if not parts:
        return nan
    rows = sum(len(part.target) for part in parts)
    shape = () if exchangeable else constant_shape(parts[0].shape, parts[0].target.shape)
    constant = torch.zeros(shape, device=parts[0].target.device, requires_grad=True)
    seen: list[float] = []

    def loss() -> Tensor:
        total = torch.zeros((), device=constant.device)
        for part in parts:
            prediction = constant.expand(part.shape)
            if part.masked is not None:
                prediction = prediction.masked_fill(part.masked, -inf)
            total = total + task.losses(prediction, part.target, weights=part.weights).sum()
        return total / rows

    def closure() -> Tensor:
        constant.grad = None
        value = loss()
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
        seen.append(float(value.detach()))
        return value.detach()

    optimizer = torch.optim.LBFGS([constant], max_iter=ITERATIONS, line_search_fn="strong_wolfe")
    with torch.enable_grad():
        first = float(loss().detach())
        if not isfinite(first):
            return nan
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    least = min((value for value in seen if isfinite(value)), default=first)
    # What is constant can be said exactly, by probabilities only in the limit
    return 0.0 if abs(least) <= LEARNED * abs(first) and all_alike(parts) else least


def constant_shape(prediction: Sequence[int], target: Sequence[int]) -> tuple[int, ...]:
    """The shape of a constant that is expanded to predictions ``[B, ...]`` with such targets.

    Classes of every pixel, ``[B, C, H, W]`` with targets ``[B, H, W]``, come first, as cross-entropy in torch reads
    them.
    """
    _, *places = target
    if places and list(prediction[2:]) == places and list(prediction[1:-1]) != places:
        return (prediction[1], *[1] * len(places))
    return tuple(prediction[1:][-1:])


def all_alike(parts: list[Part]) -> bool:
    """Whether all labels are the same."""
    first = parts[0].target[0]
    return all(bool(((part.target == first) | (part.target.isnan() & first.isnan())).all()) for part in parts)
