"""A finished schedule of one instance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mtl.suites.scheduling.alternatives import NO_MACHINE
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.reference import Reference
from mtl.suites.scheduling.solver import feasible, tardiness, weighted_tardiness


@dataclass(frozen=True, eq=False)
class Schedule:
    """When every operation starts.

    Args:
        instance: what is scheduled, with the machines that are chosen where there are alternatives.
        starts: ``[J, K]`` start times in the order of each job's route; -1 beyond its end.

    Raises:
        ValueError: a job is in two places at once, a machine holds two operations, or a constraint is not kept.
    """

    instance: JobShop
    starts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not feasible(self.instance, self.starts):
            raise ValueError(f"instance {self.instance.name}: not a feasible schedule")

    @classmethod
    def of(cls, instance: JobShop, starts: Tensor, machines: Tensor | None = None) -> "Schedule":
        """From the simulator's start times, perhaps padded to more jobs and machines.

        Args:
            instance: what is scheduled.
            starts: ``[J', K']`` by operation.
            machines: the machines that were chosen, ``[J', K']``; None: those of the instance.

        Returns:
            The schedule.
        """
        rows, columns = instance.durations.shape
        if machines is not None:
            instance = instance.on(np.where(instance.exists, machines[:rows, :columns].numpy(), NO_MACHINE))
        return cls(instance, starts[:rows, :columns].round().long().numpy())

    @property
    def makespan(self) -> int:
        """End of the last operation."""
        return int((self.starts + self.instance.durations).max())

    @property
    def cost(self) -> int:
        """What the objective of the instance makes of it: makespan or weighted tardiness."""
        return self.weighted_tardiness if self.instance.objective == "weighted_tardiness" else self.makespan

    @property
    def weighted_tardiness(self) -> int:
        """The sum over the jobs, which all have weights, of weight times tardiness."""
        return weighted_tardiness(self.instance, self.starts)

    @property
    def late_jobs(self) -> int:
        """How many jobs end after their due dates."""
        return int((tardiness(self.instance, self.starts) > 0).sum())

    @property
    def utilisation(self) -> float:
        """Busy time of the machines as a fraction of machines x makespan."""
        return float(self.instance.durations.sum()) / (self.instance.machine_count * self.makespan)

    @property
    def reference(self) -> Reference:
        """What the makespan is compared with, and which it is."""
        return self.instance.reference

    @property
    def gap(self) -> float:
        """``(makespan - reference) / reference``."""
        return self.makespan / self.reference.makespan - 1.0
