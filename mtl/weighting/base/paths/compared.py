"""K passes to the parameters that are compared, then one through all shared ones."""

from torch import Tensor
from torch.nn import Parameter

from mtl.gradients.accumulate import add_weighted_gradient
from mtl.gradients.linear_layers import LinearOp
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.paths.comparison import compare_gradients
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_private


def update_from_compared(
    call: Call, compared: list[Parameter], operations: list[LinearOp], memory: GradientMemory, solve: Solve
) -> Tensor:
    """K passes to the compared parameters, or to each block of them, and one through all shared ones.

    Args:
        call: the losses, the parameters and the step, which has one batch.
        compared: those of the last shared layer, where K short passes are enough; or all shared parameters, where
            little of them may be kept.
        operations: linear operations among them for whose parameters no task's gradient is formed.
        memory: for the gradients of the others.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``.
    """
    gathered, gramian, _ = compare_gradients(call, compared, operations, memory)
    weights, factors = solve(gramian, gathered.losses)
    add_weighted_gradient(call.losses, weights * call.step.scale, call.shared)
    write_private(call, gathered, factors)
    return weights
