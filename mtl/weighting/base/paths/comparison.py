"""Gradients of some parameters compared, large linear operations by what their gradients are products of."""

from torch import Tensor
from torch.nn import Parameter

from mtl.gradients.gramian import gramian_of
from mtl.gradients.linear_layers import LinearOp
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
        The gradients, the Gramian ``[M, M]`` over all ``compared`` parameters, and those that are of no operation.
    """
    in_operations = {id(p) for operation in operations for p in operation.parameters}
    rest = [p for p in compared if id(p) not in in_operations]
    edges = [operation.edge for operation in operations]
    gathered = memory.gather(call.losses, rest, call.private, call.step, edges=edges, retain_graph=True)
    assert gathered is not None
    gramian = gramian_of(gathered.jacobian)
    for operation, rows in zip(operations, gathered.rows, strict=True):
        gramian += operation.gramian(rows)
    return gathered, gramian, rest
