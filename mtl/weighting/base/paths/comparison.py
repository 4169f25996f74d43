"""Gradients of some parameters compared.

Large linear operations are compared by what their gradients are products of, other parameters block by block where
their gradients of all tasks would not leave room in memory.
"""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import Parameter

from mtl.distributed import processes
from mtl.gradients.blocks import blocks_of
from mtl.gradients.gramian import gramian_of
from mtl.gradients.linear_layers import LinearOp
from mtl.gradients.precision import working_precision
from mtl.gradients.task_gradients import TaskGradients
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.step import Call


def compare_gradients(
    call: Call, compared: list[Parameter], operations: list[LinearOp], memory: GradientMemory
) -> tuple[TaskGradients, Tensor, list[Parameter]]:
    """One pass per task, after which the graph is kept.

    Args:
        call: the losses, the parameters and the step, which has one batch.
        compared: parameters whose gradients are compared.
        operations: those among them for whose parameters no gradient is formed.
        memory: for the gradients of the others.

    Returns:
        The gradients, with a Jacobian of no more than the first block of the others; the Gramian ``[M, M]`` over all
        ``compared`` parameters; those that are of no operation.
    """
    rest = parameters_outside(operations, compared)
    first, *others = blocks_of_call(call, rest)
    edges = [operation.edge for operation in operations]
    gathered = memory.gather(call.losses, first, call.private, call.step, edges=edges, retain_graph=True)
    assert gathered is not None
    gramian = gramian_of(gathered.jacobian)
    for operation, rows in zip(operations, gathered.rows, strict=True):
        gramian += operation.gramian(rows)
    nothing: list[list[Tensor]] = [[] for _ in call.losses]
    for block in others:
        here = GradientMemory().gather(call.losses, block, nothing, call.step, retain_graph=True)
        assert here is not None
        gramian += gramian_of(here.jacobian)
    return gathered, gramian, rest


def parameters_outside(operations: Sequence[LinearOp], compared: Sequence[Parameter]) -> list[Parameter]:
    """Those of the compared parameters that are of no operation."""
    in_operations = {id(p) for operation in operations for p in operation.parameters}
    return [p for p in compared if id(p) not in in_operations]


def blocks_of_call(call: Call, parameters: Sequence[Tensor]) -> list[list[Tensor]]:
    """Parameters in blocks whose Jacobians, of all tasks of the call, may be kept at once.

    Several processes, whose machines may have unlike memory, keep all at once: each block would be a mean over them.
    """
    if processes() > 1:
        return [list(parameters)]
    return blocks_of(parameters, len(call.losses), call.losses[0].device, working_precision(call.losses))
