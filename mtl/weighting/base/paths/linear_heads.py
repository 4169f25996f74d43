"""One pass to the representation that linear heads read, then one through what is shared."""

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from mtl.gradients.accumulate import add_weighted_gradient
from mtl.gradients.linear_heads import LinearHeads
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_private


def update_from_linear_heads(
    call: Call, edge: GradientEdge, heads: LinearHeads, memory: GradientMemory, solve: Solve
) -> Tensor:
    """One pass through what is private, for all tasks, then one through what is shared.

    Args:
        call: the losses, the parameters and the step, which has one batch.
        edge: the representation.
        heads: what is known of the tasks' gradients there.
        memory: for the private gradients.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``.
    """
    gathered = memory.begin([], call.private, call.losses)
    columns = torch.cat(gathered.add_disjoint(call.losses, call.step.scale, heads.edges), 1)
    gathered.gramian = heads.gramian(columns)
    gathered.reduce()
    weights, factors = solve(gathered.gramian, gathered.losses)
    add_weighted_gradient([edge], [heads.weighted(columns, weights * call.step.scale)], call.shared)
    write_private(call, gathered, factors)
    return weights
