"""Whether a graph can be walked for chosen parameters only."""

from collections.abc import Sequence

from torch import Tensor

REENTRANT = "CheckpointFunctionBackward"  # torch's name of the operation


def has_reentrant_checkpoint(losses: Sequence[Tensor]) -> bool:
    """Whether a part of the graph is checkpointed with ``use_reentrant=True``.

    What lies behind such an operation gets a gradient by ``loss.backward()`` alone: asked for the gradients of chosen
    parameters, autograd finds none there, and does not say so.

    Args:
        losses: where the graph begins.

    Returns:
        Whether there is such an operation.
    """
    waiting = [loss.grad_fn for loss in losses]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node.name() == REENTRANT:
            return True
        seen.add(node)
        waiting.extend(following for following, _ in node.next_functions)
    return False
