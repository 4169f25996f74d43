"""Linear heads on one representation, whose gradients there need not be formed to be compared.

If loss i reads ``H [N, F]`` through ``Y_i = H W_i + b_i`` alone, with ``W_i [F, C_i]``, its gradient with respect to H
is ``D_i W_i'``, where ``D_i [N, C_i]`` is that with respect to ``Y_i``. The inner product of two such gradients is the
sum of all elements of ``(D_i' D_j) * (W_i' W_j)``, their weighted sum one product of all columns side by side, and one
pass finds all ``D_i``, because it meets each ``Y_i`` on the way of one loss only.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from mtl.gradients.linear_layers import plain
from mtl.gradients.precision import at_least_single

READS = {"AddmmBackward0": 1, "MmBackward0": 0}  # which argument of an operation is its H


class LinearHeads(NamedTuple):
    """The first linear operation of each of M heads.

    Attributes:
        edges: their results ``Y_i``.
        weights: W ``[F, C]``, the columns of all ``W_i`` side by side.
        owners: the loss of each column, ``[C]``; None where each has one.
    """

    edges: list[GradientEdge]
    weights: Tensor
    owners: Tensor | None

    def gramian(self, columns: Tensor) -> Tensor:
        """``[M, M]`` of the gradients with respect to H, from those with respect to all ``Y_i``, ``[N, C]``."""
        weights, tasks = at_least_single(self.weights), len(self.edges)
        products = (columns.T @ columns) * (weights.T @ weights)
        if self.owners is None:
            return products
        rows = products.new_zeros(tasks, len(products)).index_add_(0, self.owners, products)
        return products.new_zeros(tasks, tasks).index_add_(1, self.owners, rows)

    def weighted(self, columns: Tensor, factors: Tensor) -> Tensor:
        """The sum of the gradients with respect to H, each times its factor ``[M]``, ``[N, F]``, in H's precision."""
        factors = factors.to(columns.dtype)
        share = columns * (factors if self.owners is None else factors.index_select(0, self.owners))
        return (share @ at_least_single(self.weights).to(share.dtype).T).to(self.weights.dtype)


def find_linear_heads(losses: Sequence[Tensor], edge: GradientEdge) -> LinearHeads | None:
    """The linear heads through which the losses read a tensor.

    Args:
        losses: M scalars.
        edge: the tensor.

    Returns:
        None unless each loss reads the tensor through one linear operation alone, and no operation after the tensor is
        of two losses.
    """
    seen_nodes: set[Node] = set()
    operations: list[Node] = []
    for loss in losses:
        found, nodes = _linear_reader(loss, edge)
        if found is None or not seen_nodes.isdisjoint(nodes):
            return None
        seen_nodes |= nodes
        operations.append(found)
    parts: list[Tensor] = [node._saved_mat2 for node in operations]  # type: ignore[attr-defined]
    weights = torch.cat(parts, 1).detach()
    if weights.shape[1] > len(weights):  # the gradients themselves are fewer numbers
        return None
    owners = None
    if weights.shape[1] > len(parts):
        numbers = [i for i, part in enumerate(parts) for _ in range(part.shape[1])]
        owners = torch.tensor(numbers, device=weights.device)
    return LinearHeads([GradientEdge(node, 0) for node in operations], weights, owners)


def _linear_reader(loss: Tensor, edge: GradientEdge) -> tuple[Node | None, set[Node]]:
    """The one linear operation that reads the tensor for a loss, if there is one, and what comes after the tensor."""
    start = loss.grad_fn
    if start is None:
        return None, set()
    found, seen, waiting = None, {start}, [start]
    while waiting:
        node = waiting.pop()
        for place, (following, output) in enumerate(node.next_functions):
            if following == edge.node:
                if found is not None or output != edge.output_nr or place != READS.get(node.name()) or not plain(node):
                    return None, seen
                found = node
            elif following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return found, seen
