"""K passes through everything that form no task's gradient of large linear layers."""

from torch import Tensor

from mtl.gradients.accumulate import add_gradient, add_weighted_gradient
from mtl.gradients.linear_layers import LinearOp
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.paths import Solve
from mtl.weighting.base.paths.comparison import compare_gradients
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_private


def update_from_linear_layers(call: Call, operations: list[LinearOp], memory: GradientMemory, solve: Solve) -> Tensor:
    """K passes, and for the parameters of each operation one gradient, that of the weighted sum.

    Args:
        call: the losses, the parameters and the step, which has one batch.
        operations: the linear operations.
        memory: for the gradients of the other shared parameters.
        solve: from the Gramian to weights.

    Returns:
        The weights ``[M]``.
    """
    gathered, gramian, rest = compare_gradients(call, call.shared, operations, memory)
    weights, factors = solve(gramian, gathered.losses)
    scaled = weights * call.step.scale
    for operation, direction in zip(operations, gathered.weighted_rows(scaled), strict=True):
        add_weighted_gradient([operation.edge], [direction], operation.parameters)
    add_gradient(scaled @ gathered.jacobian, rest)
    write_private(call, gathered, factors)
    return weights
