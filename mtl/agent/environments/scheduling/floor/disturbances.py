"""What happens on a shop floor that no plan knows of: breakdowns, late operations, new jobs."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop


class Breakdown(NamedTuple):
    """A machine fails.

    Attributes:
        time: when.
        machine: its number.
        repair: how long it takes; known when it fails.
    """

    time: int
    machine: int
    repair: int


class NewJob(NamedTuple):
    """A job arrives.

    Attributes:
        time: when; nobody knows of it before.
        machines: its route, ``[K]``.
        durations: ``[K]``.
        late: how much longer than that each operation takes, ``[K]``.
    """

    time: int
    machines: NDArray[np.int64]
    durations: NDArray[np.int64]
    late: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Episode:
    """What happens in one run of a shop, whoever plans.

    Attributes:
        name: of the episode, for reports.
        instance: what is known at the beginning.
        late: how much longer each of its operations takes, ``[J, K]``; found out when it should have ended. Where there
            are alternatives: on each of the machines that can do it, ``[J, K, A]``.
        breakdowns: in the order of their times.
        new_jobs: in the order of their times.
    """

    name: str
    instance: JobShop
    late: NDArray[np.int64]
    breakdowns: tuple[Breakdown, ...]
    new_jobs: tuple[NewJob, ...]

    @property
    def late_operations(self) -> int:
        """How many operations take longer, those of new jobs among them."""
        known = self.late.reshape(*self.late.shape[:2], -1).any(2)
        return int(known.sum() + sum((job.late > 0).sum() for job in self.new_jobs))

    @property
    def disturbed(self) -> tuple[object, ...]:
        """All that happens, as plain values."""
        jobs = [(job.time, *(one.tolist() for one in (job.machines, job.durations, job.late))) for job in self.new_jobs]
        return self.late.tolist(), [tuple(one) for one in self.breakdowns], jobs


class Disturbances:
    """How often things happen, and how bad they are.

    Args:
        breakdowns: mean number of failures of a machine while the shop works, a Poisson process.
        repair: shortest and longest repair, in mean operations of the shop; uniform between them.
        late: share of the operations that take longer than planned.
        lateness: least and most additional time, as a share of the operation; uniform between them.
        new_jobs: jobs that arrive, at times that are uniform over the first half of the work; each visits every machine
            once, for times that are drawn from those of the shop.

    Raises:
        InputError: a number below 0, a share above 1, a range that is none.
    """

    def __init__(
        self,
        breakdowns: float = 0.3,
        repair: tuple[float, float] = (0.5, 3.0),
        late: float = 0.1,
        lateness: tuple[float, float] = (0.2, 1.0),
        new_jobs: int = 2,
    ) -> None:
        if not 0 <= breakdowns < float("inf"):
            raise InputError(f"disturbances.breakdowns={breakdowns}: expected 0 or more")
        if not 0 <= late <= 1:
            raise InputError(f"disturbances.late={late}: expected a share, 0 to 1")
        if type(new_jobs) is not int or new_jobs < 0:
            raise InputError(f"disturbances.new_jobs={new_jobs}: expected a whole number, 0 or more")
        for name, span in (("repair", repair), ("lateness", lateness)):
            if len(span) != 2 or not 0 <= span[0] <= span[1] < float("inf"):
                raise InputError(f"disturbances.{name}={list(span)}: expected two numbers from 0, the smaller first")
        self.breakdowns, self.repair = breakdowns, (float(repair[0]), float(repair[1]))
        self.late, self.lateness = late, (float(lateness[0]), float(lateness[1]))
        self.new_jobs = new_jobs

    def draw(self, instance: JobShop, seed: int, number: int) -> Episode:
        """Draw what happens.

        Args:
            instance: what is known at the beginning.
            seed: of all episodes.
            number: of the episode; the same seed and number give the same episode.

        Returns:
            The episode.
        """
        random = np.random.default_rng([seed, number])
        first = instance.constraints.now + 1
        last = max(first, instance.machine_bound + 1)  # the bound counts from 0, not from the moment of planning
        unit = float(instance.durations[instance.exists].mean())
        breakdowns = []
        for machine in range(instance.machine_count):
            free = first
            for time in np.sort(random.uniform(first, last, random.poisson(self.breakdowns))).astype(int).tolist():
                repair = max(1, round(unit * random.uniform(*self.repair)))
                if time >= free:  # it does not fail while it is repaired
                    breakdowns.append(Breakdown(time, machine, repair))
                    free = time + repair + 1
        jobs = []
        for time in np.sort(random.uniform(first, (first + last) / 2, self.new_jobs)).astype(int).tolist():
            durations = random.choice(instance.durations[instance.exists], instance.machine_count)
            jobs.append(
                NewJob(
                    time,
                    random.permutation(instance.machine_count),
                    durations,
                    longer(durations, self._shares(random, durations.shape)),
                )
            )
        done = (instance.fixed >= 0) & (instance.fixed + instance.durations < first)
        shares = self._shares(random, instance.durations.shape) * ~done
        given = instance.alternatives
        late = longer(instance.durations, shares) if given is None else longer(given.durations, shares[..., None])
        return Episode(f"{instance.name}-{number}", instance, late, tuple(sorted(breakdowns)), tuple(jobs))

    def _shares(self, random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """By how much of its duration each operation takes longer, of this shape; 0 of those that do not."""
        happens = random.random(shape) < self.late
        found: NDArray[np.float64] = random.uniform(*self.lateness, shape) * happens
        return found


def longer(durations: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """How much longer operations take of which these are the durations, in whole units of time."""
    found: NDArray[np.int64] = np.ceil(durations * shares).astype(np.int64)
    return found
