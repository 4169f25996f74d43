"""K short passes to the last shared layer, then one through all shared parameters."""

from torch import Tensor

from mtl.gradients.accumulate import add_weighted_gradient
from mtl.gradients.linear_layers import LinearOp
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.paths.comparison import compare_gradients
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_private


def update_from_last_layer(call: Call, operations: list[LinearOp], memory: GradientMemory, solve: Solve) -> Tensor:
    """K passes to the last shared layer, and one through all shared parameters for the weighted sum.

    Args:
        call: the losses, the parameters and the step, which has one batch.
        operations: linear operations of the layer for whose parameters no task's gradient is formed.
        memory: for the gradients of the layer's other parameters.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``.
    """
    gathered, gramian, _ = compare_gradients(call, call.layer, operations, memory)
    weights, factors = solve(gramian, gathered.losses)
    add_weighted_gradient(call.losses, weights * call.step.scale, call.shared)
    write_private(call, gathered, factors)
    return weights
