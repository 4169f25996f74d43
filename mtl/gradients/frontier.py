"""The last shared tensors of the graph: the frontier between shared and private operations.

The operations of an autograd graph are shared, or private to a task. The *frontier* is what the private ones read of
the shared ones. The losses depend on shared parameters through it alone, so it takes the place of the one
representation of Sener and Koltun (MGDA-UB, NeurIPS 2018, https://arxiv.org/abs/1810.04650) in networks whose heads
read different tensors: the experts' outputs of a mixture, the towers' features before the last stitch.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.nn import Parameter

SHARED = -1
UNBIND_NODE = "UnbindBackward0"
ENTRIES = ("SelectBackward0", UNBIND_NODE)  # operations that take an entry of a vector
JOINTS = ("StackBackward0", "CatBackward0")  # and that put one together


class Frontier(NamedTuple):
    """The arguments ``Z`` through which all losses depend on the shared parameters.

    Attributes:
        edges: results of shared operations.
        parameters: shared parameters that a task's private operations read themselves, as constants of a stitch.
    """

    edges: list[GradientEdge]
    parameters: list[Parameter]


def at_tensor(representation: Tensor, losses: Sequence[Tensor], shared: Sequence[Parameter]) -> Frontier:
    """The frontier of heads that read one tensor and no shared parameter; where they do otherwise, the one found.

    Args:
        representation: the tensor. It need not be looked for, and the graph behind it is not walked, if every loss
            depends on the shared parameters through it alone.
        losses: M scalars.
        shared: the shared parameters.

    Returns:
        The frontier.
    """
    if not representation.requires_grad:
        return find_frontier(losses, shared)
    edge = get_gradient_edge(representation)
    return find_frontier(losses, shared) if _is_bypassed(edge, losses, shared) else Frontier([edge], [])


def find_frontier(losses: Sequence[Tensor], shared: Sequence[Parameter]) -> Frontier:
    """The frontier of some losses, by a walk through their graph.

    An operation is shared if two or more losses depend on it, unless it computes something private for several tasks at
    once: it depends on a parameter that is not ``shared``, or its results are unbound, one for each task. A shared
    parameter that only one loss reaches is part of the frontier, so nothing shared is missed.

    Args:
        losses: M scalars.
        shared: the shared parameters.

    Returns:
        The frontier, with its edges in the order in which they were found.
    """
    known = {id(p): p for p in shared}
    roots = [get_gradient_edge(loss) for loss in losses if loss.requires_grad]
    owners: dict[Node, int] = {}
    for task, root in enumerate(roots):
        _mark_owners(root.node, task, owners)
    private = _private_nodes(owners, known)
    read: list[tuple[Node | None, int]] = [(root.node, root.output_nr) for root in roots]
    for node in owners:
        if node in private:
            read += node.next_functions
    edges: dict[tuple[Node, int], None] = {}  # in the order in which they were found
    parameters: dict[int, Parameter] = {}
    for start, output in read:
        if start is None or (start in private and not hasattr(start, "variable")):
            continue
        variable = id(getattr(_underlying_parameter(start), "variable", None))
        if variable in known:
            parameters[variable] = known[variable]
        elif start not in private:
            edges[start, output] = None
    return Frontier([GradientEdge(*edge) for edge in edges], list(parameters.values()))


def is_of_losses_themselves(frontier: Frontier, losses: Sequence[Tensor]) -> bool:
    """Whether a frontier is the very vector whose entries the losses are, or what it was put together of.

    Its gradients are unit vectors whatever the tasks are, so that they say nothing of them.

    Args:
        frontier: as found.
        losses: M scalars.

    Returns:
        True if so.
    """
    entries = [loss.grad_fn for loss in losses if loss.grad_fn is not None and loss.grad_fn.name() in ENTRIES]
    vectors = {following for entry in entries for following in entry.next_functions}
    joints = [end for entry in entries if (end := _chain(entry)[-1]).name() in JOINTS]
    parts = {following for joint in joints for following in joint.next_functions}
    found = {(edge.node, edge.output_nr) for edge in frontier.edges}
    return bool(found & vectors) or (bool(found) and found <= parts)


def _is_bypassed(edge: GradientEdge, losses: Sequence[Tensor], shared: Sequence[Parameter]) -> bool:
    """Whether a loss reaches a shared parameter, or another result of the operation, but not through the edge."""
    known = {id(p) for p in shared}
    roots = [get_gradient_edge(loss) for loss in losses if loss.requires_grad]
    ways: list[tuple[Node | None, int]] = [(root.node, root.output_nr) for root in roots]
    seen: set[Node] = set()
    while ways:
        node, output = ways.pop()
        if node is None or node in seen:
            continue
        if node == edge.node:
            if output != edge.output_nr:
                return True
            continue
        if id(getattr(node, "variable", None)) in known:
            return True
        seen.add(node)
        ways += node.next_functions
    return False


def _mark_owners(start: Node, task: int, owners: dict[Node, int]) -> None:
    """Note in ``owners`` that ``task`` reaches whatever is behind ``start``."""
    waiting = [start]
    while waiting:
        node = waiting.pop()
        owner = owners.get(node)
        if owner in (task, SHARED):
            continue
        owners[node] = task if owner is None else SHARED
        waiting += [following for following, _ in node.next_functions if following is not None]


def _private_nodes(owners: dict[Node, int], known: dict[int, Parameter]) -> set[Node]:
    """Operations and leaves that are not shared."""
    readers: dict[Node, list[Node]] = {}
    for node in owners:
        for following, _ in node.next_functions:
            if following is not None:
                readers.setdefault(following, []).append(node)
    found = {node for node, owner in owners.items() if owner != SHARED}
    waiting = [node for node in owners if hasattr(node, "variable") and id(node.variable) not in known]
    while waiting:
        node = waiting.pop()
        found.add(node)
        waiting += [reader for reader in readers.get(node, []) if reader not in found]
    for unbind in [node for node in owners if node.name() == UNBIND_NODE]:
        if all(reader in found for reader in readers.get(unbind, [])):
            found.update(_chain(unbind))  # with the operation of several arguments whose results it unbinds
    return found


def _chain(node: Node) -> list[Node]:
    """The operation and those of one argument that it rests on, down to the first of several arguments or none."""
    found = [node]
    while len(found[-1].next_functions) == 1:
        following = found[-1].next_functions[0][0]
        if following is None:
            break
        found.append(following)
    return found


def _underlying_parameter(node: Node) -> Node:
    """The node that it is made of alone, if that is one: a parameter that was cast or reshaped is that parameter."""
    return _chain(node)[-1]
