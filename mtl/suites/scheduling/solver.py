"""Reference schedules by constraint programming (Google OR-tools CP-SAT)."""

from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl.errors import InputError, lacks
from mtl.suites.scheduling.alternatives import NO_MACHINE
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.program import build_program
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

POLL = 0.1  # seconds between two looks at whether a search is to be stopped


@dataclass(frozen=True, eq=False)
class Solution:
    """A feasible schedule and what is proven about it.

    Attributes:
        starts: ``[J, K]`` start times in the order of each job's route; -1 beyond its end.
        makespan: end of the last operation.
        bound: proven lower bound of the cost; equal to it when the schedule is optimal.
        tardiness: weighted tardiness of the jobs, where that is the objective; None: the makespan is.
        machines: ``[J, K]`` where every operation is, of a shop with alternatives; None: on its one machine.
    """

    starts: NDArray[np.int64]
    makespan: int
    bound: int
    tardiness: int | None = None
    machines: NDArray[np.int64] | None = None

    @property
    def cost(self) -> int:
        """What was minimised."""
        return self.makespan if self.tardiness is None else self.tardiness

    @property
    def optimal(self) -> bool:
        """No schedule costs less."""
        return self.bound >= self.cost


def feasible(instance: JobShop, starts: NDArray[np.int64]) -> bool:
    """Whether ``starts`` ``[J, K]`` keeps routes and constraints and no machine holds two operations at once."""
    if starts.shape != instance.durations.shape or starts[instance.exists].min() < 0:
        return False
    ends = starts + instance.durations
    if ((starts[:, 1:] < ends[:, :-1]) & instance.exists[:, 1:]).any():
        return False
    if instance.constrained and not keeps_constraints(instance, starts):
        return False
    for machine in range(instance.machine_count):
        here = instance.machines == machine
        order = np.lexsort((ends[here], starts[here]))
        if (starts[here][order][1:] < ends[here][order][:-1]).any():
            return False
    return True


def keeps_constraints(instance: JobShop, starts: NDArray[np.int64]) -> bool:
    """Whether ``starts`` ``[J, K]`` keeps dates, downtimes and fixed operations."""
    fixed = instance.fixed >= 0
    if (starts != instance.fixed)[fixed].any() or (starts < instance.heads)[instance.exists].any():
        return False
    ends = starts + instance.durations
    return not any(
        ((starts < down.end) & (ends > down.start) & (instance.machines == down.machine) & ~fixed).any()
        for down in instance.constraints.downtimes
    )


def tardiness(instance: JobShop, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """``[J]``: how much later than its due date each job ends; 0 for one without."""
    ends = (starts + instance.durations).max(1)
    due = [end if date is None else date for date, end in zip(instance.constraints.due, ends.tolist(), strict=True)]
    late: NDArray[np.int64] = np.maximum(0, ends - np.array(due, dtype=np.int64))
    return late


def weighted_tardiness(instance: JobShop, starts: NDArray[np.int64]) -> int:
    """The sum over the jobs of weight times tardiness."""
    return int((tardiness(instance, starts) * np.array(instance.constraints.weights, dtype=np.int64)).sum())


def solver_version() -> str:
    """The version of OR-tools, on which schedules depend. InputError if it is not installed."""
    try:
        return version("ortools")
    except PackageNotFoundError:
        raise lack_of_solver() from None


def lack_of_solver() -> InputError:
    """What a person can do where OR-tools is missing."""
    return lacks("a reference schedule", "OR-tools", "scheduling")


def solve(
    instance: JobShop,
    limit: float,
    *,
    seconds: float | None = None,
    workers: int = 1,
    seed: int = 0,
    stop: Event | None = None,
) -> Solution:
    """The best schedule that CP-SAT finds within its limits, by the objective of the instance.

    With ``workers=1`` and no ``seconds`` the result depends on the instance, the limit, the seed and the version of
    OR-tools alone: ``limit`` counts the solver's own steps (about seconds on a common machine), not time. Should the
    limit end the search before a first schedule is found, the schedule that runs one job after the other is returned;
    where there are constraints, the one in which the first of the jobs that compete for a machine always goes first.

    Args:
        instance: what to schedule.
        limit: deterministic limit, > 0.
        seconds: wall-clock limit besides, for use as a baseline; results then depend on the machine.
        workers: parallel searches; more than one is not deterministic under ``seconds``.
        seed: of the search.
        stop: when it is set, the search ends.

    Returns:
        The schedule, and what is proven about it.

    Raises:
        InputError: OR-tools, of the extra ``scheduling``, is not installed.
        CancelledError: it was stopped.
    """
    # Imported here: loading the solver takes half a second that runs with cached schedules need not pay.
    try:
        from ortools.sat.python import cp_model
    except ModuleNotFoundError:
        raise lack_of_solver() from None

    program = build_program(instance)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = limit
    # Ctrl-C is Python's to answer: the solver's own answer aborts the process when several solve at once
    solver.parameters.catch_sigint_signal = False
    if seconds is not None:
        solver.parameters.max_time_in_seconds = seconds
    status = _solve_interruptibly(solver, program.model, stop or Event())
    bound = max(program.least, round(solver.best_objective_bound))
    if solver.status_name(status) in ("OPTIMAL", "FEASIBLE"):
        found = np.full(instance.durations.shape, -1, dtype=np.int64)
        found[instance.exists] = [solver.value(start) for row in program.starts for start in row]
        machines = instance.machines.copy()
        for place, there in program.chosen.items():
            machines[place] = next(machine for machine, used in there.items() if solver.value(used))
    else:
        (found, machines), bound = first_schedule(instance), program.least
    instance = instance.on(machines)
    late = weighted_tardiness(instance, found) if instance.objective == "weighted_tardiness" else None
    return Solution(
        found, int((found + instance.durations).max()), bound, late, None if instance.alternatives is None else machines
    )


def first_schedule(instance: JobShop) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and machines, ``[J, K]`` each, of some feasible schedule, without a search."""
    if instance.constrained or instance.alternatives is not None:
        built = rollout(lambda simulator: torch.zeros_like(simulator.est), Simulator(Shops.pack([instance])))
        starts, machines = built.starts[0].long().numpy(), built.machines[0].numpy()
        return starts, np.where(instance.exists, machines, NO_MACHINE)
    before = np.concatenate([[0], instance.durations.ravel().cumsum()[:-1]])
    return np.where(instance.exists, before.reshape(instance.durations.shape), -1), instance.machines


def _solve_interruptibly(solver: "cp_model.CpSolver", model: "cp_model.CpModel", stop: Event) -> Any:
    """The solver's status. In a thread: the main one would answer signals only when the search ends."""
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(solver.solve, model)
        try:
            while not wait([search], timeout=POLL).done:
                if stop.is_set():
                    raise CancelledError
            return search.result()
        finally:
            while not search.done():  # a search that has not begun yet passes over the first words
                solver.stop_search()
                wait([search], timeout=POLL)
