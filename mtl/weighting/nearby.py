"""Losses and gradients at parameters near by: the part that methods which look around have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import mean_over_processes
from mtl.errors import InputError
from mtl.weighting.base import Call, Losses

Vectors = list[Tensor]  # one for each of some parameters, of its shape
Recompute = Callable[[], Iterable[Losses]]


def recompute_of(call: Call, method: str) -> Recompute:
    """What computes the losses of the step's batches once more. InputError where the loop does not say it."""
    if call.step.recompute is None:
        raise InputError(
            f"{method} looks at losses near the parameters: give backward a step=Step(recompute=...), a function that "
            "computes the losses of the step's batches once more"
        )
    return call.step.recompute


class StepSum:
    """Tensors that are added up over the batches of an optimizer step, of which each gives a share, and over processes.

    It holds nothing between two steps, so a checkpoint does without it.
    """

    def __init__(self) -> None:
        self._parts: Vectors = []

    def add(self, parts: Vectors, call: Call) -> Vectors | None:
        """Add those of one call of ``backward``; the sums with the last call of a step, before that None."""
        shares = [part / call.step.batches for part in parts]
        self._parts = [a + b for a, b in zip(self._parts, shares, strict=True)] if self._parts else shares
        if not call.step.last:
            return None
        found, self._parts = [mean_over_processes(part) for part in self._parts], []
        return found


def gradients(loss: Tensor, parameters: Sequence[Parameter]) -> Vectors:
    """Of a loss; zeros for a parameter that it does not depend on."""
    if not loss.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    dense = (one.to_dense() if one is not None and one.is_sparse else one for one in found)
    return [torch.zeros_like(p) if one is None else one for p, one in zip(parameters, dense, strict=True)]


@contextmanager
def shifted(parameters: Sequence[Parameter], moves: Vectors) -> Iterator[None]:
    """Parameters that are moved, and afterwards as they were, to the last bit."""
    kept = [p.detach().clone() for p in parameters]
    try:
        with torch.no_grad():
            for p, move in zip(parameters, moves, strict=True):
                p.add_(move)
        yield
    finally:
        with torch.no_grad():
            for p, value in zip(parameters, kept, strict=True):
                p.copy_(value)
