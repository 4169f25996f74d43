"""A finished schedule of one instance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.solver import feasible


@dataclass(frozen=True, eq=False)
class Schedule:
    """When every operation starts.

    Args:
        instance: what is scheduled.
        starts: ``[J, M]`` start times in the order of each job's route.

    Raises:
        ValueError: a job is in two places at once, or a machine holds two operations.
    """

    instance: JobShop
    starts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not feasible(self.instance, self.starts):
            raise ValueError(f"instance {self.instance.name}: not a feasible schedule")

    @classmethod
    def of(cls, instance: JobShop, starts: Tensor) -> "Schedule":
        """From the simulator's start times, perhaps padded to more jobs and machines."""
        return cls(instance, starts[: instance.jobs, : instance.operations].round().long().numpy())

    @property
    def makespan(self) -> int:
        """End of the last operation."""
        return int((self.starts + self.instance.durations).max())

    @property
    def utilisation(self) -> float:
        """Busy time of the machines as a fraction of machines x makespan."""
        return float(self.instance.durations.sum()) / (self.instance.operations * self.makespan)

    @property
    def reference(self) -> int:
        """What the makespan is compared with: the best known makespan, else a lower bound."""
        instance = self.instance
        return instance.upper_bound or instance.lower_bound or instance.trivial_bound

    @property
    def reference_kind(self) -> Literal["optimum", "best known", "lower bound"]:
        """What the reference is: ``optimum`` means proven."""
        if self.instance.upper_bound is None:
            return "lower bound"
        return "optimum" if self.instance.upper_bound == self.instance.lower_bound else "best known"

    @property
    def gap(self) -> float:
        """``(makespan - reference) / reference``."""
        return self.makespan / self.reference - 1.0
