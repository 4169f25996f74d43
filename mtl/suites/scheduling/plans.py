"""Schedules of N shops as tensors."""

from typing import NamedTuple

from torch import Tensor


class Plans(NamedTuple):
    """When operations start, and where.

    Attributes:
        starts: ``[N, J, K]`` start times by operation; -1 in padding.
        machines: ``[N, J, K]`` the machine of each operation.
    """

    starts: Tensor
    machines: Tensor
