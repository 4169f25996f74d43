"""The precision in which gradients are compared and combined."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def working_precision(values: Tensor | Sequence[Tensor]) -> torch.dtype:
    """Double where one of the values has it, and single otherwise, also for half precision."""
    parts = [values] if isinstance(values, Tensor) else values
    return torch.float64 if any(part.dtype == torch.float64 for part in parts) else torch.float32


def at_least_single(values: Tensor) -> Tensor:
    """Values of half precision in single precision, all others as they are."""
    return values.to(working_precision(values))


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Within this, products of gradients keep their precision, also in a loop that calls under ``torch.autocast``."""
    if not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
