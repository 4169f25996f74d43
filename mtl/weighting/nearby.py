"""Losses and gradients at parameters near by: the part that methods which look around have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import mean_over_processes
from mtl.errors import InputError
from mtl.weighting.base import UNLIKE_CALLS, Call, Losses

Vectors = list[Tensor]  # one for each of some parameters, of its shape
Recompute = Callable[[], Iterable[Losses]]


def recompute_of(call: Call, method: str, num_tasks: int) -> Recompute:
    """What computes the losses of the step's batches once more.

    Args:
        call: the last one of the step.
        method: its name, for messages.
        num_tasks: K.

    Returns:
        A function that gives K losses of one batch after the other.

    Raises:
        InputError: the loop does not say how, or, in what is returned, these are no lists of K losses; gradients of
            losses that have a graph in the step are wanted, and none has one.
    """
    given = call.step.recompute
    if given is None:
        raise InputError(
            f"{method} looks at losses near the parameters: give backward a step=Step(recompute=...), a function that "
            "computes the losses of the step's batches once more"
        )
    graph = any(loss.requires_grad for loss in call.losses)

    def checked() -> Iterator[Losses]:
        found = False
        for losses in given():
            if not isinstance(losses, (Tensor, Sequence)) or (isinstance(losses, Tensor) and losses.dim() != 1):
                raise InputError(f"step.recompute: expected a list of {num_tasks} losses of each batch of the step")
            if len(losses) != num_tasks:
                raise InputError(f"step.recompute: expected {num_tasks} losses of each batch, and got {len(losses)}")
            found = found or any(loss.requires_grad for loss in losses)
            yield losses
        if graph and not found and torch.is_grad_enabled():
            raise InputError(
                "step.recompute: no loss has a graph: compute them where gradients are recorded, not under "
                "torch.no_grad()"
            )

    return checked


class StepSum:
    """Tensors that are added up over the batches of an optimizer step, of which each gives a share, and over processes.

    It holds nothing between two steps, so a checkpoint does without it.
    """

    def __init__(self) -> None:
        self._parts: Vectors = []

    def add(self, parts: Vectors, call: Call) -> Vectors | None:
        """Add those of one call of ``backward``; the sums with the last call of a step, before that None."""
        shares = [part / call.step.batches for part in parts]
        if self._parts and [part.shape for part in self._parts] != [part.shape for part in shares]:
            raise InputError(UNLIKE_CALLS)
        self._parts = [a + b for a, b in zip(self._parts, shares, strict=True)] if self._parts else shares
        if not call.step.last:
            return None
        found, self._parts = [mean_over_processes(part) for part in self._parts], []
        return found


def gradients(loss: Tensor, parameters: Sequence[Parameter], scale: float = 1.0) -> Vectors:
    """The gradient of a loss by each parameter.

    Args:
        loss: a scalar.
        parameters: zeros for one that it does not depend on.
        scale: the scaled loss is differentiated, so that gradients of half-precision activations do not vanish, and the
            result is unscaled.

    Returns:
        One tensor of each parameter.
    """
    if not loss.requires_grad or not parameters:
        return [torch.zeros_like(p) for p in parameters]
    found = torch.autograd.grad(loss, parameters, torch.full_like(loss, float(scale)), allow_unused=True)
    dense = (one.to_dense() if one is not None and one.is_sparse else one for one in found)
    parts = [torch.zeros_like(p) if one is None else one for p, one in zip(parameters, dense, strict=True)]
    return parts if scale == 1.0 else [part / scale for part in parts]


@contextmanager
def shifted(parameters: Sequence[Parameter], moves: Vectors) -> Iterator[None]:
    """Parameters that are moved, and afterwards as they were, to the last bit.

    In a loop that calls under ``torch.autocast``, copies of them in half precision are kept until it ends, and would be
    those of before.
    """
    kept = [p.detach().clone() for p in parameters]
    try:
        with torch.no_grad():
            for p, move in zip(parameters, moves, strict=True):
                p.add_(move)
        torch.clear_autocast_cache()
        yield
    finally:
        with torch.no_grad():
            for p, value in zip(parameters, kept, strict=True):
                p.copy_(value)
        torch.clear_autocast_cache()
