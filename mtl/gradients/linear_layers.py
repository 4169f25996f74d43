"""Linear operations of an autograd graph, whose weights' gradients need not be formed to be compared.

For ``Y = X W' + 1 b'`` with N rows, the gradients with respect to W of two losses that have gradients ``D_i``, ``D_j``
with respect to Y are ``D_i'X`` and ``D_j'X``, and their inner product is ``<X X' D_i, D_j>``: with fewer rows than
features that is less work, and numbers, than the two matrices. With the bias it is ``<(X X' + 1 1') D_i, D_j>``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.nn import Parameter

from mtl.gradients.gramian import gramian_of
from mtl.gradients.precision import at_least_single

BLOCK = 128  # rows
LEAST = 2**18  # weights below which looking for the operation costs more than it saves
SAVED = {"AddmmBackward0": "_saved_mat1", "MmBackward0": "_saved_self"}  # what an operation calls its X
SAME = ("TBackward0", "ToCopyBackward0")  # a transposed or cast weight is itself


class LinearOp(NamedTuple):
    """A linear operation.

    Attributes:
        edge: its result Y.
        inputs: X ``[N, in]``.
        parameters: W, and b if it has one: read by nothing else.
    """

    edge: GradientEdge
    inputs: Tensor
    parameters: list[Parameter]

    def gramian(self, rows: Tensor) -> Tensor:
        """Gramian of the gradients with respect to the parameters.

        With the half H of ``X X'`` below the diagonal, and half of the diagonal, it is S + S', ``S_ij = <H D_j, D_i>``.

        Args:
            rows: the gradients with respect to Y, ``[M, N, out]``.

        Returns:
            ``[M, M]``.
        """
        x, rows = at_least_single(self.inputs), at_least_single(rows)
        tasks, count, _ = rows.shape
        total = rows.new_zeros(tasks, tasks)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            half = x[start:stop] @ x[:stop].T
            if len(self.parameters) == 2:
                half += 1
            half[:, start:] *= 0.5
            here = rows[:, start:stop]
            products = torch.empty_like(here, memory_format=torch.contiguous_format)
            for product, row in zip(products, rows, strict=True):
                torch.mm(half, row[:stop], out=product)
            total += gramian_of(here.flatten(1), products.flatten(1))
        return total + total.T

    @staticmethod
    def saves(tasks: int, rows: int, width: int, results: int) -> bool:
        """Whether the Gramian, and one gradient of the weighted sum, is less work than the gradients.

        Args:
            tasks: M.
            rows: N.
            width: inputs of the operation.
            results: outputs of the operation.

        Returns:
            Whether it is.
        """
        block = min(BLOCK, rows)
        return (width + tasks * results) * (rows + block) / 2 < (tasks - 1) * width * results


def find_linear(losses: Sequence[Tensor], watched: Sequence[Parameter]) -> list[LinearOp]:
    """Linear operations for which inner products of the weights' gradients cost less than the gradients.

    Args:
        losses: M scalars.
        watched: parameters among which the operations' weights are sought.

    Returns:
        The operations behind the losses.
    """
    known = {id(p): p for p in watched}
    if not any(p.dim() == 2 and p.numel() >= LEAST for p in watched):
        return []
    readers: dict[Node, int] = {}
    operations: list[Node] = []
    waiting = [get_gradient_edge(loss).node for loss in losses if loss.requires_grad]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node.name() in SAVED:
            operations.append(node)
        for following, _ in node.next_functions:
            if following is not None:
                readers[following] = readers.get(following, 0) + 1
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
    found = []
    for node in operations:
        *bias, _, weight = [_sole_parameter(following, readers, known) for following, _ in node.next_functions]
        if weight is None or weight.dim() != 2 or weight.numel() < LEAST or not plain(node):
            continue
        inputs: Tensor = getattr(node, SAVED[node.name()]).detach()
        rows, width = inputs.shape
        results = weight.numel() // width
        if LinearOp.saves(len(losses), rows, width, results):
            biases = [b for b in bias if b is not None and b.shape == (results,)]
            found.append(LinearOp(GradientEdge(node, 0), inputs, [weight, *biases]))
    return found


def plain(node: Node) -> bool:
    """No factors stand before the product or the bias."""
    return all(getattr(node, name, 1) == 1 for name in ("_saved_alpha", "_saved_beta"))


def _sole_parameter(node: Node | None, readers: dict[Node, int], known: dict[int, Parameter]) -> Parameter | None:
    """The parameter that an argument is, if nothing else reads it."""
    while node is not None and readers[node] == 1:
        variable = getattr(node, "variable", None)
        if variable is not None:
            return known.get(id(variable))
        if node.name() not in SAME:
            return None
        node = node.next_functions[0][0]
    return None
