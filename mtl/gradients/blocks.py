"""Shared parameters in blocks, so that not all of their gradients need be kept at once.

The Gramian of ``J [M, P]`` is the sum of the Gramians of its blocks of columns. Each block takes M backward passes of
its own, which go as far as its parameters: memory is bounded, at the price of more passes.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from mtl.config.system import memory_of_host
from mtl.errors import InputError

# Share of a device's memory that a Jacobian may take; where it would take more, each of its blocks takes half of this
LARGEST = 0.25


@lru_cache
def memory_of(device: torch.device) -> int:
    """Bytes of memory that a device has."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return memory_of_host()


def blocks_of(
    parameters: Sequence[Tensor], tasks: int, device: torch.device, precision: torch.dtype
) -> list[list[Tensor]]:
    """The parameters, in blocks whose Jacobians may be kept.

    Args:
        parameters: what the Jacobian is taken with respect to.
        tasks: M.
        device: where it would be.
        precision: of its numbers.

    Returns:
        All parameters in one block where their Jacobian takes at most a share :data:`LARGEST` of the memory; else the
        last ones first, to which a pass comes first. A block has at least one parameter, however large.
    """
    most = LARGEST * memory_of(device) / (tasks * precision.itemsize)
    if sum(p.numel() for p in parameters) <= most:
        return [list(parameters)]
    blocks: list[list[Tensor]] = []
    room = 0.0
    for p in reversed(parameters):
        if not blocks or p.numel() > room:
            blocks.append([])
            room = most / 2
        blocks[-1].append(p)
        room -= p.numel()
    return blocks


def check_memory(tasks: int, numbers: int, device: torch.device, precision: torch.dtype) -> None:
    """Raise InputError where a Jacobian ``[tasks, numbers]`` is larger than the memory of its device."""
    needed, there = tasks * numbers * precision.itemsize, memory_of(device)
    if needed > there:
        raise InputError(
            f"weighting: the gradients of {tasks} tasks with respect to {numbers:,} shared parameters take "
            f"{needed / 1e9:,.1f} GB, and the memory is {there / 1e9:,.1f} GB: take accumulate=1 where it is more, a "
            "method that compares gradients by their inner products, such as upgrad, or weighting.at=representation"
        )
