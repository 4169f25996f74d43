"""Gradients of single losses, and flat vectors of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.gradients.precision import working_precision


def views(flat: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """A flat vector ``[P]`` as views in the shapes of the parameters."""
    parts = flat.split_with_sizes([p.numel() for p in parameters])
    return [part if p.dim() == 1 else part.view_as(p) for part, p in zip(parts, parameters, strict=True)]


def gradient(
    loss: Tensor, parameters: Sequence[Tensor], *, retain_graph: bool = False, of_output: Tensor | None = None
) -> Tensor:
    """The gradient of one loss as one flat vector ``[P]``; zero where the loss does not reach.

    Args:
        loss: a scalar, or with ``of_output`` a prediction of any shape.
        parameters: P numbers in all.
        retain_graph: there will be a further gradient through the same graph.
        of_output: derivatives of a loss by the prediction, in its shape.

    Returns:
        The gradient.
    """
    out = torch.zeros(sum(p.numel() for p in parameters), device=loss.device, dtype=working_precision(loss))
    if not parameters or not loss.requires_grad:
        return out
    parts = torch.autograd.grad(loss, parameters, of_output, retain_graph=retain_graph, allow_unused=True)
    for place, part in zip(views(out, parameters), parts, strict=True):
        if part is not None:
            place.copy_(part.to_dense() if part.is_sparse else part)
    return out


def reached(losses: Sequence[Tensor], parameters: Sequence[Tensor]) -> list[list[bool]]:
    """For each loss, which of the parameters have a gradient of it that is not zero."""
    rows = []
    for i, loss in enumerate(losses):
        retain = i < len(losses) - 1
        found = torch.autograd.grad(loss, parameters, retain_graph=retain, allow_unused=True)
        rows.append([part is not None and bool(part.any()) for part in found])
    return rows
