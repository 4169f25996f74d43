"""A schedule as the order in which its operations are dispatched: any order that keeps to the routes is feasible."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.instance import JobShop


class Operations:
    """The O operations of a job shop as plain lists, those of a job one after the other in the order of its route.

    Args:
        instance: the job shop.

    Attributes:
        instance: the same.
        jobs: job of each operation.
        machines: machine of each.
        durations: of each.
    """

    def __init__(self, instance: JobShop) -> None:
        self.instance = instance
        there = instance.exists
        self.jobs: list[int] = np.nonzero(there)[0].tolist()
        self.machines: list[int] = instance.machines[there].tolist()
        self.durations: list[int] = instance.durations[there].tolist()

    def __len__(self) -> int:
        return len(self.jobs)

    def sort(self, operations: Iterable[int], starts: Mapping[int, int] | list[int]) -> list[int]:
        """Operations by their starts, and where these are equal each after those that it waits for.

        Args:
            operations: some of the O.
            starts: of these, in a feasible schedule.

        Returns:
            The operations in this order.
        """
        durations = self.durations
        return sorted(operations, key=lambda one: (starts[one], starts[one] + durations[one], one))

    def free(self) -> tuple[list[int], list[int]]:
        """Times from which on jobs and machines are free where nothing is scheduled: 0 for each."""
        return [0] * self.instance.jobs, [0] * self.instance.machine_count

    def dispatch(self, order: list[int], job_free: list[int], machine_free: list[int], starts: list[int]) -> None:
        """Start operations one after the other, each as soon as its job and its machine are free.

        Of operations in reverse order, the ends are the times that must pass from the start of each to the end of all.

        Args:
            order: some operations.
            job_free: when each job is free; changed in place, as are the following.
            machine_free: when each machine is.
            starts: of all operations.
        """
        jobs, machines, durations = self.jobs, self.machines, self.durations
        for operation in order:
            job, machine = jobs[operation], machines[operation]
            begin = max(job_free[job], machine_free[machine])
            starts[operation] = begin
            job_free[job] = machine_free[machine] = begin + durations[operation]

    def earliest(self, order: list[int]) -> list[int]:
        """Start of each operation where every machine takes its operations in this order, as early as it can.

        Args:
            order: all operations, those of a job in the order of its route.

        Returns:
            The starts, by operation.
        """
        starts = [0] * len(self)
        self.dispatch(order, *self.free(), starts)
        return starts

    def without_delay(self) -> list[int]:
        """A schedule in milliseconds, in which no machine waits while it could work.

        Of several operations a machine takes that with the least flow due date per work remaining (FDD/MWKR, see
        :func:`mtl.agent.environments.scheduling.rules.flow_due_date`).

        Returns:
            The operations in the order in which they are dispatched.
        """
        durations = self.instance.durations
        until, total = durations.cumsum(1), durations.sum(1, keepdims=True)
        ratio = (until / np.maximum(total - until + durations, 1))[self.instance.exists].tolist()
        following = {job: self.jobs.index(job) for job in range(self.instance.jobs)}  # by job that is not done
        job_free, machine_free = self.free()
        starts, order = [0] * len(self), []
        while following:

            def soonest(job: int) -> tuple[int, float, int]:
                operation = following[job]
                return max(job_free[job], machine_free[self.machines[operation]]), ratio[operation], job

            job = min(following, key=soonest)
            operation = following[job]
            self.dispatch([operation], job_free, machine_free, starts)
            order.append(operation)
            following[job] = operation + 1
            if operation + 1 == len(self) or self.jobs[operation + 1] != job:
                del following[job]
        return order

    def makespan(self, starts: list[int]) -> int:
        """End of the last operation."""
        return max(start + duration for start, duration in zip(starts, self.durations, strict=True))

    def listed(self, starts: NDArray[np.int64]) -> list[int]:
        """Starts ``[J, K]`` by operation."""
        found: list[int] = starts[self.instance.exists].tolist()
        return found

    def matrix(self, starts: list[int]) -> NDArray[np.int64]:
        """Starts by operation as ``[J, K]``; -1 beyond the end of a route."""
        found = np.full(self.instance.durations.shape, -1, dtype=np.int64)
        found[self.instance.exists] = starts
        return found
