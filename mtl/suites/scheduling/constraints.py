"""What a shop demands beyond routes and durations: dates of jobs, downtime of machines, operations that are fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mtl.errors import InputError, unknown

Name = str | int
Objective = Literal["makespan", "weighted_tardiness"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


@dataclass(frozen=True, order=True)
class Downtime:
    """A time in which a machine does not work.

    Attributes:
        machine: its number.
        start: first moment without the machine.
        end: first moment with it again.
    """

    machine: int
    start: int
    end: int


@dataclass(frozen=True)
class Constraints:
    """What a schedule has to keep besides the routes; an empty tuple means that nothing of the kind is demanded.

    Attributes:
        releases: of each job, before which none of its operations begins.
        due: of each job, when it should be done; None: it has no due date. One before the release is late in any case.
        weights: of each job, what a time unit of its tardiness costs.
        downtimes: of machines. An operation that is not fixed runs before or after one, it is not interrupted.
        fixed: by job, the start times of its first operations, which are done, running or frozen. A running operation
            that a downtime interrupts is as long as both together.
        now: the moment of planning, before which no operation begins that is not fixed.
    """

    releases: tuple[int, ...] = ()
    due: tuple[int | None, ...] = ()
    weights: tuple[int, ...] = ()
    downtimes: tuple[Downtime, ...] = ()
    fixed: tuple[tuple[int, ...], ...] = ()
    now: int = 0

    @property
    def demanded(self) -> list[str]:
        """What is demanded, in words."""
        found = {
            "release dates": any(self.releases),
            "due dates": any(due is not None for due in self.due),
            "downtime": bool(self.downtimes),
            "fixed operations": any(self.fixed),
            "a start in the middle": self.now > 0,
        }
        return [what for what, there in found.items() if there]

    @property
    def dated(self) -> bool:
        """Whether some job has a due date."""
        return any(due is not None for due in self.due)

    def release(self, job: int) -> int:
        """Before this no operation of the job begins."""
        return self.releases[job] if self.releases else 0

    def starts_of(self, job: int) -> tuple[int, ...]:
        """Start times of the fixed operations of a job, which are its first."""
        return self.fixed[job] if self.fixed else ()

    def latest(self) -> int:
        """The last moment at which one of these demands keeps a machine or job from working."""
        moments = [self.now, *self.releases, *(downtime.end for downtime in self.downtimes)]
        return max(moments)


NO_CONSTRAINTS = Constraints()


def check_constraints(
    where: str, constraints: Constraints, job_names: Sequence[Name], machine_names: Sequence[Name], lengths: list[int]
) -> None:
    """Check the constraints by themselves.

    Args:
        where: for messages.
        constraints: of the jobs and machines.
        job_names: of all jobs.
        machine_names: of all machines.
        lengths: operations of each job.

    Raises:
        InputError: there are not as many as jobs, or one cannot be kept; says which.
    """
    if constraints.now < 0:
        raise InputError(f"{where}: now={constraints.now}: expected 0 or later")
    for what in ("releases", "due", "weights", "fixed"):
        if len(getattr(constraints, what)) not in (0, len(job_names)):
            raise InputError(f"{where}: {what} of {len(getattr(constraints, what))} jobs, expected {len(job_names)}")
    for job, name in enumerate(job_names):
        release = constraints.release(job)
        if release < 0:
            raise InputError(f"{where}, job {name}: release {release}, expected 0 or later")
        if constraints.weights and constraints.weights[job] < 0:
            raise InputError(f"{where}, job {name}: weight {constraints.weights[job]}, expected 0 or more")
        if len(constraints.starts_of(job)) > lengths[job]:
            raise InputError(f"{where}, job {name}: more operations are fixed than it has")
    for downtime in constraints.downtimes:
        if not 0 <= downtime.machine < len(machine_names):
            raise unknown(f"machine in the downtime of {where}", str(downtime.machine), map(str, machine_names))
        if not 0 <= downtime.start < downtime.end:
            raise InputError(
                f"{where}: downtime of machine {machine_names[downtime.machine]} from {downtime.start} to "
                f"{downtime.end}, expected a start from 0 and an end after it"
            )


def check_fixed(
    where: str,
    constraints: Constraints,
    names: tuple[Sequence[Name], Sequence[Sequence[Name]], Sequence[Name]],
    durations: NDArray[np.int64],
    machines: NDArray[np.int64],
) -> None:
    """Check that the fixed operations are possible together.

    Args:
        where: for messages.
        constraints: the fixed operations, the release dates and the downtimes.
        names: of jobs, of operations by job, of machines.
        durations: of the operations, ``[J, K]``.
        machines: of the operations, ``[J, K]``.

    Raises:
        InputError: one begins before the one before it in its job ends or before its job is released, two are on a
            machine at once, or one begins in a downtime; says which.
    """
    jobs, operations, machine_names = names
    placed: dict[int, list[tuple[int, int, str]]] = {}
    for job, name in enumerate(jobs):
        free = constraints.release(job)
        for place, start in enumerate(constraints.starts_of(job)):
            what = f"operation {operations[job][place]} of job {name}"
            end, machine = start + int(durations[job, place]), int(machines[job, place])
            if start < free:
                before = "is released" if not place else f"ends operation {operations[job][place - 1]}"
                raise InputError(f"{where}: {what} is fixed to start at {start}, before {free}, when the job {before}")
            for downtime in constraints.downtimes:
                if downtime.machine == machine and downtime.start <= start < downtime.end and end > start:
                    raise InputError(
                        f"{where}: {what} is fixed to start at {start}, in the downtime of machine "
                        f"{machine_names[machine]} from {downtime.start} to {downtime.end}"
                    )
            placed.setdefault(machine, []).append((start, end, what))
            free = end
    for machine, there in placed.items():
        ordered = sorted(there)
        for (_, end, first), (start, _, second) in pairwise(ordered):
            if start < end:
                raise InputError(
                    f"{where}: {second} is fixed to start at {start} on machine {machine_names[machine]}, where "
                    f"{first} ends at {end}"
                )


def check_objective(where: str, objective: str, constraints: Constraints, job_names: Sequence[Name]) -> None:
    """Check that the jobs have what an objective counts.

    Args:
        where: for messages.
        objective: one of ``OBJECTIVES``.
        constraints: due dates and weights of the jobs.
        job_names: of all jobs.

    Raises:
        InputError: there is no such objective, or dates or weights are missing.
    """
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    if objective == "makespan":
        return
    if not constraints.dated:
        raise InputError(f"{where}: objective={objective} needs due dates, and no job has one: add a column due")
    if not constraints.weights:
        raise InputError(
            f"{where}: objective={objective} needs weights of jobs: add a column weight, with 1 where all count alike"
        )
