"""Threads of a training on the CPU: several pay only where a step has much to compute."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import torch

from mtl.assembly import Assembly
from mtl.config.run_config import Hardware
from mtl.training.resources import count_flops

# Operations of the forward pass of a batch. With fewer, threads wait for each other longer than they compute, as the
# table in docs/performance.md shows
WORTH_THREADS = 3e8
ROWS = 16  # of which operations are counted


@contextmanager
def step_threads(assembly: Assembly, members: int = 1) -> Iterator[None]:
    """Within this, torch has the threads that suit the steps of a training; then as many as before.

    One, where the forward pass of a batch takes less than :data:`WORTH_THREADS` operations; and where the config says
    how many, these. What decides is the network and the size of a batch, so the same run always has the same number,
    and the same numbers come of it.

    Args:
        assembly: of the training, the rows loaded.
        members: runs that are trained at once.
    """
    most = torch.get_num_threads()
    free = most > 1 and assembly.config.threads is None and on_cpu(assembly.config.hardware)
    few = free and operations(assembly) * members < WORTH_THREADS
    with threads(1 if few else most):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within this, torch has so many threads; then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_cpu(hardware: Hardware) -> bool:
    """Whether the steps are computed by the processor."""
    return hardware.accelerator == "cpu" or (hardware.accelerator == "auto" and not torch.accelerator.is_available())


def operations(assembly: Assembly) -> float:
    """Of the forward pass of a batch in one process of a training; infinite where they cannot be counted."""
    each, config = count_flops(assembly.module, assembly.data, "val", ROWS), assembly.config
    processes = config.hardware.devices if isinstance(config.hardware.devices, int) else 1
    return inf if each is None else each * config.batch_size / (config.accumulate * max(processes, 1))
