"""Parameters that are divided among processes."""

import sys
from collections.abc import Iterable

from torch.nn import Parameter

from mtl.errors import InputError


def check_whole(parameters: Iterable[Parameter]) -> None:
    """Refuse parameters of which this process has a part, as ``fully_shard`` and distributed tensors leave them.

    Gradients taken by ``torch.autograd.grad`` do not reach such a part: what collects, reduces and divides them hangs
    on ``Tensor.backward``. A parameter that ``fully_shard`` has put together for a pass looks like any other until
    gradients were taken; then its memory is given back, and the optimizer holds another tensor. So of these it is known
    only after their gradients were taken.

    Args:
        parameters: as they were handed over.

    Raises:
        InputError: one of them is a part, or was put together for a pass.
    """
    distributed = sys.modules.get("torch.distributed.tensor")  # not imported: there is no such tensor
    part = getattr(distributed, "DTensor", ())
    if any(isinstance(p, part) or (p.numel() > 0 and p.untyped_storage().size() == 0) for p in parameters):
        raise InputError(
            "the parameters are divided among processes (fully_shard, DTensor): expected whole ones in each process, "
            "as under DistributedDataParallel"
        )
