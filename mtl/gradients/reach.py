"""Which losses reach which parameters, by the graph."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import Parameter


def foreign_reader(losses: Sequence[Tensor], private: Sequence[Sequence[Parameter]]) -> tuple[int, int] | None:
    """A loss that has a gradient by a parameter of another one, which would be left out where each is taken by itself.

    The graph is only walked, unless it has a way from a loss to a parameter of another: then that gradient is taken,
    since operations that compute something for several tasks at once lead to the parameters of all of them.

    Args:
        losses: M scalars.
        private: for each of them the parameters that no other one should reach.

    Returns:
        The places of the loss and of the one whose parameter it reaches; None where there is no such pair.
    """
    owners = {id(p): place for place, parameters in enumerate(private) for p in parameters}
    if not owners:
        return None
    for place, loss in enumerate(losses):
        foreign = [p for p in leaves(loss) if owners.get(id(p), place) != place]
        if not foreign:
            continue
        found = torch.autograd.grad(loss, foreign, retain_graph=True, allow_unused=True)
        parts: list[tuple[Tensor, Tensor | None]] = list(zip(foreign, found, strict=True))
        for p, part in parts:
            if part is None:
                continue
            dense = part.to_dense() if part.is_sparse else part
            if bool(dense.nan_to_num(nan=0.0).any()):  # zero times infinity is no way
                return place, owners[id(p)]
    return None


def leaves(*losses: Tensor) -> list[Tensor]:
    """The tensors at which the graph of some losses begins, those of its parameters among them."""
    waiting: list[Node | None] = [loss.grad_fn for loss in losses]
    seen: set[Node] = set()
    found = []
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.append(variable)
        waiting.extend(following for following, _ in node.next_functions)
    return found
