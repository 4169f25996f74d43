"""Adding gradients to ``.grad``."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge
from torch.nn import Parameter

from mtl.distributed import mean_over_processes, processes
from mtl.gradients.flat import views
from mtl.gradients.precision import working_precision


def add_gradient(flat: Tensor, parameters: Sequence[Parameter]) -> None:
    """Add a flat gradient ``[P]`` to ``.grad``; where there is none yet, ``.grad`` becomes a view of ``flat``."""
    add_gradients(views(flat, parameters), parameters)


def add_gradients(parts: Sequence[Tensor], parameters: Sequence[Parameter]) -> None:
    """Add gradients, one of each parameter, to ``.grad``; where there is none yet, ``.grad`` becomes that tensor."""
    for part, parameter in zip(parts, parameters, strict=True):
        if parameter.grad is None:
            parameter.grad = part if part.dtype == parameter.dtype else part.to(parameter.dtype)
        elif parameter.grad.is_sparse:
            parameter.grad = parameter.grad.to_dense() + part
        else:
            parameter.grad += part


def add_mean_gradient(loss: Tensor, parameters: Sequence[Parameter]) -> None:
    """Add the gradient of ``loss``, averaged over the processes, to ``.grad``."""
    add_weighted_gradient([loss], torch.ones(1, device=loss.device), parameters)


def add_weighted_gradient(
    outputs: Sequence[Tensor] | Sequence[GradientEdge], weights: Sequence[Tensor] | Tensor, inputs: Sequence[Parameter]
) -> None:
    """Add the gradient of ``sum_i <weights_i, outputs_i>``, averaged over the processes, to ``.grad``, in one pass.

    Args:
        outputs: losses ``[]``, or any tensors or edges of the graph.
        weights: for each of them a tensor of its shape (and type, for an edge); a vector gives one number to each loss.
        inputs: parameters; where the sum does not reach, nothing is added.
    """
    pairs = [
        (o, w.to(o.dtype) if isinstance(o, Tensor) else w)
        for o, w in zip(outputs, weights, strict=True)
        if not isinstance(o, Tensor) or o.requires_grad
    ]
    several = processes() > 1
    if not inputs or not (pairs or several):
        return
    reached: Any = [o for o, _ in pairs]
    factors = [w for _, w in pairs]
    if not several:
        torch.autograd.backward(reached, factors, inputs=list(inputs))
        return
    # One reduction of one flat vector; a process whose rows miss a task still takes part
    flat = torch.zeros(sum(p.numel() for p in inputs), device=inputs[0].device, dtype=working_precision(inputs))
    if pairs:
        parts = torch.autograd.grad(reached, inputs, factors, allow_unused=True)
        for place, part in zip(views(flat, inputs), parts, strict=True):
            if part is not None:
                place.copy_(part.to_dense() if part.is_sparse else part)
    add_gradient(mean_over_processes(flat), inputs)
