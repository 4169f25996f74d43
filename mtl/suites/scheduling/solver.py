"""Reference schedules by constraint programming (Google OR-tools CP-SAT)."""

from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtl.errors import InputError, lacks
from mtl.suites.scheduling.instance import JobShop

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

POLL = 0.1  # seconds between two looks at whether a search is to be stopped


@dataclass(frozen=True, eq=False)
class Solution:
    """A feasible schedule and what is proven about it.

    Attributes:
        starts: ``[J, K]`` start times in the order of each job's route; -1 beyond its end.
        makespan: end of the last operation.
        bound: proven lower bound of the makespan; equal to it when the schedule is optimal.
    """

    starts: NDArray[np.int64]
    makespan: int
    bound: int

    @property
    def optimal(self) -> bool:
        """No schedule is shorter."""
        return self.bound >= self.makespan


def feasible(instance: JobShop, starts: NDArray[np.int64]) -> bool:
    """Whether ``starts`` ``[J, K]`` respects the routes and no machine holds two operations at once."""
    if starts.shape != instance.durations.shape or starts[instance.exists].min() < 0:
        return False
    ends = starts + instance.durations
    if ((starts[:, 1:] < ends[:, :-1]) & instance.exists[:, 1:]).any():
        return False
    for machine in range(instance.machine_count):
        here = instance.machines == machine
        order = np.lexsort((ends[here], starts[here]))
        if (starts[here][order][1:] < ends[here][order][:-1]).any():
            return False
    return True


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
    """The best schedule that CP-SAT finds within its limits.

    With ``workers=1`` and no ``seconds`` the result depends on the instance, the limit, the seed and the version of
    OR-tools alone: ``limit`` counts the solver's own steps (about seconds on a common machine), not time. Should the
    limit end the search before a first schedule is found, the schedule that runs one job after the other is returned.

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

    durations, machines = instance.durations, instance.machines
    horizon = int(durations.sum())
    model = cp_model.CpModel()
    starts = [[model.new_int_var(0, horizon, "") for _ in range(length)] for length in instance.lengths]
    makespan = model.new_int_var(instance.trivial_bound, horizon, "")
    queues: list[list[cp_model.IntervalVar]] = [[] for _ in range(instance.machine_count)]
    for job, row in enumerate(durations.tolist()):
        for operation, duration in enumerate(row[: instance.lengths[job]]):
            start = starts[job][operation]
            queues[machines[job, operation]].append(model.new_fixed_size_interval_var(start, duration, ""))
            following = starts[job][operation + 1] if operation + 1 < len(starts[job]) else makespan
            model.add(following >= start + duration)
    for queue in queues:
        model.add_no_overlap(queue)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = limit
    # Ctrl-C is Python's to answer: the solver's own answer aborts the process when several solve at once
    solver.parameters.catch_sigint_signal = False
    if seconds is not None:
        solver.parameters.max_time_in_seconds = seconds
    status = _solve_interruptibly(solver, model, stop or Event())
    bound = max(instance.trivial_bound, round(solver.best_objective_bound))
    if solver.status_name(status) in ("OPTIMAL", "FEASIBLE"):
        found = np.full(durations.shape, -1, dtype=np.int64)
        found[instance.exists] = [solver.value(start) for row in starts for start in row]
    else:
        before = np.concatenate([[0], durations.ravel().cumsum()[:-1]])
        found = np.where(instance.exists, before.reshape(durations.shape), -1)
        bound = instance.trivial_bound
    return Solution(found, int((found + durations).max()), bound)


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
