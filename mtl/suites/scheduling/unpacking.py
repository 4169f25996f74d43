"""Single shops out of padded ones, and their schedules into the padding."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl.suites.scheduling.alternatives import NO_MACHINE
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.shops import Shops


def shop_of(shops: Shops, row: int) -> JobShop:
    """One of the shops as an instance, without names and known bounds."""
    real = shops.real[row, : int(shops.jobs[row])]
    real = real[:, : int(real.sum(1).max())]
    jobs, longest = real.shape
    durations = shops.durations[row, :jobs, :longest].long().numpy()
    machines = shops.machines[row, :jobs, :longest].masked_fill(~real, NO_MACHINE).numpy()
    return JobShop(f"shop {row}", durations, machines, machine_names=tuple(range(int(shops.machine_count[row]))))


def padded(starts: NDArray[np.int64], shops: Shops) -> Tensor:
    """Start times ``[J, K]`` of one of the shops, as large as the largest, ``[J, K]``; -1 in padding."""
    out = torch.full(shops.durations.shape[1:], -1.0)
    out[: starts.shape[0], : starts.shape[1]] = torch.from_numpy(starts).float()
    return out
