"""The one gradient path: the only file that differentiates with respect to parameters or reduces gradients across
processes.

Vocabulary: K tasks, P numbers in the shared parameters. The Jacobian ``J [K, P]`` holds one task's gradient per row,
its Gramian is ``J J' [K, K]``. Everything a process computes is a share of a mean over processes, which
:func:`mean_over_processes` takes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed
from torch.nn import Parameter


def processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of ``values`` over all processes, in place; as it is when there is one."""
    if processes() > 1:
        distributed.all_reduce(values)
        values /= processes()
    return values


def least_over_processes(values: Tensor) -> Tensor:
    """The element-wise minimum of ``values`` over all processes, in place; as it is when there is one."""
    if processes() > 1:
        distributed.all_reduce(values, op=distributed.ReduceOp.MIN)
    return values


def gradient(loss: Tensor, parameters: Sequence[Parameter], *, retain_graph: bool = False) -> Tensor:
    """The gradient of one loss as one flat vector ``[P]``; zero where the loss does not reach, or needs no gradient
    at all.
    """
    out = torch.zeros(sum(p.numel() for p in parameters), device=loss.device, dtype=torch.float32)
    if not parameters or not loss.requires_grad:
        return out
    parts = torch.autograd.grad(loss, parameters, retain_graph=retain_graph, allow_unused=True)
    for place, part in zip(views(out, parameters), parts, strict=True):
        if part is not None:
            place.copy_(part)
    return out


def views(flat: Tensor, parameters: Sequence[Parameter]) -> list[Tensor]:
    """A flat vector ``[P]`` as views in the shapes of the parameters."""
    sizes = [p.numel() for p in parameters]
    return [part.view_as(p) for part, p in zip(torch.split(flat, sizes), parameters, strict=True)]


def add_gradient(flat: Tensor, parameters: Sequence[Parameter]) -> None:
    """Add a flat gradient ``[P]`` to ``.grad``; where there is none yet, ``.grad`` becomes a view of ``flat``."""
    for part, parameter in zip(views(flat, parameters), parameters, strict=True):
        if parameter.grad is None:
            parameter.grad = part.to(parameter.dtype)
        else:
            parameter.grad += part


def add_mean_gradient(loss: Tensor, parameters: Sequence[Parameter]) -> None:
    """Add the gradient of ``loss``, averaged over the processes, to ``.grad``."""
    if processes() > 1:  # one reduction of one flat vector; a process whose rows miss a task still takes part
        add_gradient(mean_over_processes(gradient(loss, parameters)), parameters)
    elif loss.requires_grad and parameters:
        torch.autograd.backward(loss, inputs=list(parameters))
