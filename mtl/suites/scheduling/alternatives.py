"""Operations that several machines can do: the flexible job shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NO_MACHINE = -1  # where there is no operation, or no further machine for one
Option = tuple[int, int]  # a machine and how long it takes


@dataclass(frozen=True, eq=False)
class Alternatives:
    """The machines that can do each operation (J jobs, K operations, up to A machines for one).

    P. Brandimarte, "Routing and scheduling in a flexible job shop by tabu search", Annals of Operations Research 41,
    1993, https://doi.org/10.1007/BF02023073.

    Attributes:
        machines: ``[J, K, A]`` numbers of machines; ``NO_MACHINE`` in padding.
        durations: ``[J, K, A]`` how long each takes; 0 in padding.
    """

    machines: NDArray[np.int64]
    durations: NDArray[np.int64]

    @cached_property
    def exists(self) -> NDArray[np.bool_]:
        """``[J, K, A]``: which are real."""
        found: NDArray[np.bool_] = self.machines != NO_MACHINE
        return found

    @cached_property
    def count(self) -> NDArray[np.int64]:
        """``[J, K]``: how many machines can do an operation."""
        found: NDArray[np.int64] = self.exists.sum(2)
        return found

    @cached_property
    def shortest(self) -> NDArray[np.int64]:
        """``[J, K]``: the least that an operation takes; 0 where there is none."""
        longer = np.where(self.exists, self.durations, np.iinfo(np.int64).max).min(2)
        return np.where(self.count > 0, longer, 0)

    @cached_property
    def longest(self) -> NDArray[np.int64]:
        """``[J, K]``: the most that an operation takes."""
        found: NDArray[np.int64] = self.durations.max(2)
        return found

    def durations_on(self, machines: NDArray[np.int64]) -> NDArray[np.int64]:
        """How long operations take on machines that are chosen for them.

        Args:
            machines: ``[J, K]``, ``NO_MACHINE`` where there is no operation.

        Returns:
            ``[J, K]``.

        Raises:
            ValueError: a machine cannot do its operation.
        """
        same = self.exists & (self.machines == machines[..., None])
        if (same.any(2) != (self.count > 0)).any():
            raise ValueError("a machine is chosen for an operation that it cannot do")
        return np.where(same.any(2), np.where(same, self.durations, 0).max(2), 0)

    def balanced(self, machine_count: int) -> NDArray[np.int64]:
        """A first choice of machines with about even loads: one operation after the other, the longest first.

        Args:
            machine_count: machines of the shop.

        Returns:
            ``[J, K]``: their numbers; ``NO_MACHINE`` where there is no operation.
        """
        chosen = np.full(self.count.shape, NO_MACHINE, dtype=np.int64)
        load = np.zeros(machine_count, dtype=np.int64)
        order = np.argsort(-self.shortest, axis=None, kind="stable")
        for job, place in zip(*np.unravel_index(order, self.count.shape), strict=True):
            options = range(int(self.count[job, place]))
            if options:
                ends = [load[self.machines[job, place, a]] + self.durations[job, place, a] for a in options]
                best = int(np.argmin(ends))
                chosen[job, place] = self.machines[job, place, best]
                load[chosen[job, place]] = ends[best]
        return chosen


def pad_alternatives(routes: Sequence[Sequence[Sequence[Option]]]) -> Alternatives:
    """The alternatives of the operations of all jobs, side by side.

    Args:
        routes: of each job, for each operation, the machines that can do it with their durations.

    Returns:
        The alternatives.
    """
    longest = max(map(len, routes), default=0)
    most = max((len(options) for route in routes for options in route), default=0)
    machines = np.full((len(routes), longest, most), NO_MACHINE, dtype=np.int64)
    durations = np.zeros(machines.shape, dtype=np.int64)
    for job, route in enumerate(routes):
        for place, options in enumerate(route):
            if options:
                machines[job, place, : len(options)], durations[job, place, : len(options)] = np.transpose(options)
    return Alternatives(machines, durations)
