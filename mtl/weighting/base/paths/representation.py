"""K passes to the last shared tensors, then one through what is shared."""

from torch import Tensor

from mtl.gradients.accumulate import add_gradient, add_weighted_gradient
from mtl.gradients.gramian import gramian_of
from mtl.gradients.linear_heads import find_linear_heads
from mtl.gradients.task_gradients import TaskGradients
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.paths.linear_heads import update_from_linear_heads
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_private


def update_from_representation(call: Call, memory: GradientMemory, solve: Solve) -> Tensor:
    """K passes through what is private, or one where the heads are linear, and one through what is shared.

    Args:
        call: the losses, the parameters, the frontier and the step, which has one batch.
        memory: for the gradients at the frontier.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``.
    """
    frontier = call.frontier
    assert frontier is not None
    if len(frontier.edges) == 1 and not frontier.parameters:
        heads = find_linear_heads(call.losses, frontier.edges[0])
        if heads is not None:
            return update_from_linear_heads(call, frontier.edges[0], heads, memory, solve)
    gathered = memory.gather(call.losses, frontier.parameters, call.private, call.step, frontier, retain_graph=True)
    assert gathered is not None
    weights, factors = solve(frontier_gramian(gathered), gathered.losses)
    scaled = weights * call.step.scale
    add_weighted_gradient(frontier.edges, gathered.weighted_rows(scaled), call.shared)
    if frontier.parameters:
        add_gradient(scaled @ gathered.jacobian, frontier.parameters)
    write_private(call, gathered, factors)
    return weights


def frontier_gramian(gathered: TaskGradients) -> Tensor:
    """``[M, M]``, of the gradients at the edges of a frontier and of those of its parameters."""
    if gathered.gramian is None:
        return gramian_of(gathered.jacobian)
    if gathered.jacobian.shape[1] == 0:
        return gathered.gramian
    return gathered.gramian + gramian_of(gathered.jacobian)
