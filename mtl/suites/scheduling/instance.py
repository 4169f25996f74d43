"""A job-shop instance: what has to be scheduled, and what is known about its best schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl.errors import InputError
from mtl.suites.scheduling.alternatives import NO_MACHINE, Alternatives, Option, pad_alternatives
from mtl.suites.scheduling.constraints import (
    NO_CONSTRAINTS,
    Constraints,
    Name,
    Objective,
    check_constraints,
    check_fixed,
    check_objective,
)
from mtl.suites.scheduling.reference import Reference, one_machine_bound

# The simulator keeps times as float32, which counts integers exactly up to here.
LARGEST_TIME = 2**24
# Every job has as much place as the longest, and every operation as the one of most machines. That of 1,000 jobs and
# machines, of which 50 can do each operation, fits.
LARGEST_TABLE = 50_000_000


@dataclass(frozen=True, eq=False)
class JobShop:
    """One job shop: J jobs, each a sequence of operations of its own on some of the M machines.

    Operation k of job j occupies machine ``machines[j, k]`` for ``durations[j, k]`` time units, without interruption,
    after operation k - 1 of the same job has ended; a machine holds one operation at a time. Jobs may be of unlike
    length and may visit a machine several times or never. In a classical job shop every job visits every machine once.

    Args:
        name: what reports call it.
        durations: ``[J, K]`` whole numbers, in the order of the job's route; K operations of the longest job. 0 beyond
            the end of a route.
        machines: ``[J, K]`` machine numbers 0..M-1, ``NO_MACHINE`` beyond the end of a route. Where there are
            alternatives these are the machines that are chosen, and the durations those on them.
        upper_bound: the smallest makespan known to be possible, if any is known.
        lower_bound: a proven lower bound of the makespan, if one is known.
        lower_bound_source: who proved it, for reports.
        job_names: what files and charts call the jobs; default: their numbers from 0.
        machine_names: the same of the machines; default: their numbers from 0. Their number is M.
        operation_names: by job, what files call its operations; default: their numbers from 0.
        constraints: what a schedule has to keep besides the routes.
        alternatives: the machines that can do each operation; None: the one of ``machines`` alone. A fixed operation
            stays where it is.
        objective: what it is to minimise: ``makespan``, the end of the last operation, or ``weighted_tardiness``, the
            sum over the jobs of weight times ``max(0, end - due date)``; a job without a due date is never late.

    Raises:
        InputError: no job shop, constraints that cannot be kept, or bounds that contradict it; the message names the
            job and the rule.
    """

    name: str
    durations: NDArray[np.int64]
    machines: NDArray[np.int64]
    upper_bound: int | None = None
    lower_bound: int | None = None
    lower_bound_source: str = "known"
    job_names: tuple[Name, ...] = ()
    machine_names: tuple[Name, ...] = ()
    operation_names: tuple[tuple[Name, ...], ...] = ()
    constraints: Constraints = NO_CONSTRAINTS
    objective: Objective = "makespan"
    alternatives: Alternatives | None = None

    def __post_init__(self) -> None:
        if self.durations.ndim != 2 or self.durations.shape != self.machines.shape:
            raise InputError(
                f"instance {self.name}: durations {self.durations.shape} and machines {self.machines.shape} "
                "must be two equal matrices [jobs, operations]"
            )
        if not self.durations.size:
            raise InputError(f"instance {self.name}: expected one job or more, each with one operation or more")
        # A frozen dataclass lets its own fields be completed in no other way
        object.__setattr__(self, "job_names", self.job_names or tuple(range(len(self.durations))))
        object.__setattr__(
            self, "machine_names", self.machine_names or tuple(range(max(1, int(self.machines.max()) + 1)))
        )
        object.__setattr__(
            self, "operation_names", self.operation_names or tuple(tuple(range(n)) for n in self.lengths.tolist())
        )
        self._check_jobs()
        for what, names in (("jobs", self.job_names), ("machines", self.machine_names)):
            if len(set(names)) < len(names):
                raise InputError(f"instance {self.name}: two {what} have one name")
        if not 0 < self.durations.sum() < LARGEST_TIME:
            raise InputError(
                f"instance {self.name}: total duration {self.durations.sum()} must be in 1..{LARGEST_TIME - 1}"
            )
        self._check_constraints()
        self._check_alternatives()
        self._check_bounds()

    def _check_jobs(self) -> None:
        if len(self.job_names) != self.jobs or [len(names) for names in self.operation_names] != self.lengths.tolist():
            raise InputError(f"instance {self.name}: names of {len(self.job_names)} jobs, expected {self.jobs}")
        for job, durations, machines, length in zip(
            self.job_names, self.durations, self.machines, self.lengths, strict=True
        ):
            if not length or (machines[length:] >= 0).any() or durations[length:].any():
                raise InputError(f"instance {self.name}, job {job}: expected one operation or more, without gaps")
            if machines[:length].max() >= self.machine_count:
                raise InputError(
                    f"instance {self.name}, job {job}: visits machines {machines[:length].tolist()}, "
                    f"expected 0..{self.machine_count - 1}"
                )
            if durations.min() < 0:
                raise InputError(
                    f"instance {self.name}, job {job}: durations {durations.tolist()} must not be negative"
                )

    def _check_constraints(self) -> None:
        where, constraints = f"instance {self.name}", self.constraints
        check_objective(where, self.objective, constraints, self.job_names)
        if not self.constrained:
            return
        check_constraints(where, constraints, self.job_names, self.machine_names, self.lengths.tolist())
        names = (self.job_names, self.operation_names, self.machine_names)
        check_fixed(where, constraints, names, self.durations, self.machines)
        if self.horizon >= LARGEST_TIME:
            raise InputError(
                f"instance {self.name}: its dates and durations reach to {self.horizon}, expected less than "
                f"{LARGEST_TIME}: count from a later moment or in a larger unit of time"
            )

    def _check_alternatives(self) -> None:
        if self.alternatives is None:
            return
        there = self.alternatives.exists
        if there.shape[:2] != self.exists.shape or ((self.alternatives.count > 0) != self.exists).any():
            raise InputError(f"instance {self.name}: alternatives of other operations than those of its jobs")
        if self.alternatives.machines[there].max() >= self.machine_count or self.alternatives.durations.min() < 0:
            raise InputError(
                f"instance {self.name}: alternatives on machines 0..{self.machine_count - 1} with durations from 0 are "
                "expected"
            )
        same = (self.alternatives.machines == self.machines[..., None]) & there
        same &= self.alternatives.durations == self.durations[..., None]
        if not (same.any(2) | ~self.exists | (self.fixed >= 0)).all():
            raise InputError(f"instance {self.name}: an operation is on a machine that is none of its alternatives")

    def _check_bounds(self) -> None:
        lower, upper = self.lower_bound, self.upper_bound
        if (lower is not None and lower < 1) or (upper is not None and upper < (lower or 1)):
            raise InputError(
                f"instance {self.name}: bounds {lower} and {upper}, expected whole numbers from 1, the lower first"
            )
        if upper is not None and upper < self.machine_bound:
            raise InputError(
                f"instance {self.name}: the best known makespan {upper} is below {self.machine_bound}, "
                "the least that its jobs and machines take"
            )

    @property
    def jobs(self) -> int:
        """Number of jobs J."""
        return int(self.durations.shape[0])

    @property
    def machine_count(self) -> int:
        """Number of machines M."""
        return len(self.machine_names)

    @cached_property
    def exists(self) -> NDArray[np.bool_]:
        """``[J, K]``: whether the job has that many operations."""
        found: NDArray[np.bool_] = self.machines != NO_MACHINE
        return found

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """``[J]``: operations of each job."""
        found: NDArray[np.int64] = self.exists.sum(1)
        return found

    @property
    def operation_count(self) -> int:
        """Operations of all jobs."""
        return int(self.lengths.sum())

    @property
    def classical(self) -> bool:
        """Whether every job visits every machine exactly once."""
        every = np.arange(self.machine_count)
        if self.alternatives is not None:
            return False
        return self.machines.shape[1] == len(every) and bool((np.sort(self.machines, axis=1) == every).all())

    @property
    def constrained(self) -> bool:
        """Whether a schedule has more to keep than the routes."""
        return self.constraints != NO_CONSTRAINTS

    @property
    def demanded(self) -> list[str]:
        """What distinguishes it from the shops of the literature, in words; empty where nothing does."""
        return [*self.constraints.demanded, *([] if self.alternatives is None else ["alternative machines"])]

    @cached_property
    def fixed(self) -> NDArray[np.int64]:
        """``[J, K]``: start times of the fixed operations; -1 where one is free, and beyond the end of a route."""
        starts = np.full(self.durations.shape, -1, dtype=np.int64)
        for job in range(self.jobs):
            given = self.constraints.starts_of(job)
            starts[job, : len(given)] = given
        return starts

    @cached_property
    def shortest(self) -> NDArray[np.int64]:
        """``[J, K]``: the least that each operation takes on any of its machines."""
        if self.alternatives is None:
            return self.durations
        return np.where(self.fixed >= 0, self.durations, self.alternatives.shortest)

    @cached_property
    def bound_to_machine(self) -> NDArray[np.bool_]:
        """``[J, K]``: whether an operation has its machine for sure."""
        if self.alternatives is None:
            return self.exists
        found: NDArray[np.bool_] = self.exists & ((self.alternatives.count == 1) | (self.fixed >= 0))
        return found

    def on(self, machines: NDArray[np.int64]) -> "JobShop":
        """The shop with other machines chosen for its operations.

        Args:
            machines: ``[J, K]``.

        Returns:
            The shop, with the durations on these machines.

        Raises:
            ValueError: a machine cannot do its operation.
        """
        if self.alternatives is None or np.array_equal(machines, self.machines):
            return self
        fixed = self.fixed >= 0
        chosen = np.where(fixed, self.machines, machines)
        known = np.where(fixed, self.alternatives.machines[..., 0], chosen)
        durations = np.where(fixed, self.durations, self.alternatives.durations_on(known))
        return replace(self, machines=chosen, durations=durations)

    @cached_property
    def heads(self) -> NDArray[np.int64]:
        """``[J, K]``: before this an operation cannot begin, by dates and route of its job; of a fixed one its start.

        The machines of the route count for nothing. Beyond the end of a route: the end of the job.
        """
        if not self.constrained:
            return self.shortest.cumsum(1) - self.shortest
        free = np.array([self.constraints.release(job) for job in range(self.jobs)], dtype=np.int64)
        found = np.empty_like(self.durations)
        for place in range(self.durations.shape[1]):
            fixed = self.fixed[:, place]
            planned = np.where(self.exists[:, place], np.maximum(free, self.constraints.now), free)
            found[:, place] = np.where(fixed >= 0, fixed, planned)
            free = found[:, place] + self.shortest[:, place]
        return found

    @cached_property
    def earliest_ends(self) -> NDArray[np.int64]:
        """``[J]``: the end of each job if it had the machines to itself."""
        found: NDArray[np.int64] = self.heads[:, -1] + self.shortest[:, -1]
        return found

    @property
    def horizon(self) -> int:
        """No schedule without needless waiting ends later."""
        latest = int((self.fixed + self.durations)[self.fixed >= 0].max(initial=0))
        longest = self.durations if self.alternatives is None else np.maximum(self.durations, self.alternatives.longest)
        return max(self.constraints.latest(), latest) + int(longest.sum())

    @property
    def load(self) -> NDArray[np.int64]:
        """``[M]``: work of each machine."""
        there = self.exists
        return np.bincount(self.machines[there], self.durations[there], self.machine_count).astype(np.int64)

    @property
    def trivial_bound(self) -> int:
        """The longest job or the most loaded machine, whichever takes longer: no schedule is shorter."""
        there = self.bound_to_machine
        sure = np.bincount(self.machines[there], self.durations[there], self.machine_count)
        shared = -(-int(self.shortest.sum()) // self.machine_count)
        return int(max(self.earliest_ends.max(), sure.max(), shared))

    @cached_property
    def machine_bound(self) -> int:
        """The largest bound of one machine, with what its jobs need before and after it; at least the trivial bound."""
        after = self.shortest[:, ::-1].cumsum(1)[:, ::-1] - self.shortest
        bounds = [self.trivial_bound]
        for machine in range(self.machine_count):
            here = (self.machines == machine) & self.bound_to_machine
            bounds.append(one_machine_bound(self.heads[here], self.durations[here], after[here]))
        return max(bounds)

    @property
    def best_known(self) -> int | None:
        """Makespan of the best schedule known (the optimum where it is proven), or None."""
        return self.upper_bound

    @property
    def reference(self) -> Reference:
        """What makespans are compared with: the best known one, else the largest lower bound; and which it is."""
        if self.upper_bound is not None:
            proven = self.upper_bound <= max(self.lower_bound or 0, self.machine_bound)
            return Reference(self.upper_bound, "optimum" if proven else "best known")
        if self.lower_bound is not None and self.lower_bound > self.machine_bound:
            return Reference(self.lower_bound, "lower bound", self.lower_bound_source)
        return Reference(self.machine_bound, "lower bound", "one machine")

    def gap(self, makespan: float) -> float:
        """``(makespan - reference) / reference``, see :attr:`reference`."""
        return makespan / self.reference.makespan - 1.0


def from_routes(
    name: str, routes: Sequence[Sequence[tuple[int, int]]], machine_names: Sequence[Name] = (), **known: Any
) -> JobShop:
    """An instance from the routes of its jobs.

    Args:
        name: of the instance.
        routes: of each job the machine and the duration of each operation.
        machine_names: of all machines.
        **known: further arguments of :class:`JobShop`.

    Returns:
        The instance.

    Raises:
        InputError: it is no job shop.
    """
    shape = (len(routes), max(map(len, routes), default=0))
    check_table(name, *shape)
    durations, machines = np.zeros(shape, np.int64), np.full(shape, NO_MACHINE, np.int64)
    for job, route in enumerate(routes):
        if route:
            machines[job, : len(route)], durations[job, : len(route)] = np.transpose(route)
    return JobShop(name, durations, machines, machine_names=tuple(machine_names), **known)


def from_options(
    name: str, routes: Sequence[Sequence[Sequence[Option]]], machine_names: Sequence[Name], **known: Any
) -> JobShop:
    """An instance from the machines that can do each operation.

    Args:
        name: of the instance.
        routes: of each job, for each operation, the machines that can do it with their durations.
        machine_names: of all machines.
        **known: further arguments of :class:`JobShop`.

    Returns:
        The instance; machines are chosen so that their loads are about even. Where every operation has one machine it
        is a shop without alternatives.

    Raises:
        InputError: it is no job shop.
    """
    if all(len(options) == 1 for route in routes for options in route):
        return from_routes(name, [[options[0] for options in route] for route in routes], machine_names, **known)
    check_table(name, len(routes), max(map(len, routes)), max(len(options) for route in routes for options in route))
    alternatives = pad_alternatives(routes)
    chosen = alternatives.balanced(len(machine_names))
    return JobShop(
        name,
        alternatives.durations_on(chosen),
        chosen,
        machine_names=tuple(machine_names),
        alternatives=alternatives,
        **known,
    )


def check_table(name: str, jobs: int, longest: int, most: int = 1) -> None:
    """InputError for jobs of such unlike length that a table with a place for each operation would not fit.

    Args:
        name: of the instance.
        jobs: their number.
        longest: operations of the longest job.
        most: machines of the operation that most can do.
    """
    if jobs * longest * most > LARGEST_TABLE:
        choice = f", of which one has {most} machines" if most > 1 else ""
        raise InputError(
            f"instance {name}: {jobs} jobs, the longest of {longest} operations{choice}: expected at most "
            f"{LARGEST_TABLE} when they are multiplied"
        )
