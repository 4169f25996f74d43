"""K passes through everything."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.gradients.gramian import gramian_of
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.paths.representation import frontier_gramian
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_update


def update_from_full_gradients(
    call: Call,
    compared: list[Parameter],
    memory: GradientMemory,
    frontier_memory: GradientMemory,
    solve: Solve,
) -> Tensor | None:
    """Gather whole task gradients over the accumulated batches and the processes, and solve once.

    Args:
        call: the losses, the parameters and the step.
        compared: shared parameters whose gradients are compared, where there is no frontier.
        memory: for the whole gradients.
        frontier_memory: for the gradients at the frontier.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``; None before the last batch of the step.
    """
    at_frontier = None
    if call.frontier is not None:
        at_frontier = frontier_memory.gather(
            call.losses, call.frontier.parameters, call.private, call.step, call.frontier, retain_graph=True
        )
    gathered = memory.gather(call.losses, call.shared, call.private, call.step)
    if gathered is None:
        return None
    if at_frontier is None:
        gramian = gramian_of(select_columns(gathered.jacobian, call.shared, compared))
    else:
        gramian = frontier_gramian(at_frontier)
    weights, factors = solve(gramian, gathered.losses)
    write_update(call, weights @ gathered.jacobian, gathered, factors)
    return weights


def select_columns(jacobian: Tensor, shared: Sequence[Parameter], compared: Sequence[Parameter]) -> Tensor:
    """The columns of ``J [M, P]`` that belong to the ``compared`` parameters."""
    if len(compared) == len(shared):
        return jacobian
    wanted = {id(p) for p in compared}
    parts = torch.split(jacobian, [p.numel() for p in shared], 1)
    return torch.cat([part for part, p in zip(parts, shared, strict=True) if id(p) in wanted], 1)
