"""Search in large neighbourhoods: CP-SAT shortens a schedule window by window, several windows at once."""

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.solver import POLL, Solution, lack_of_solver
from mtl.suites.scheduling.window import Window

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

_SIZE = 100  # operations of the first windows
_SMALLEST = 2.0  # operations of a window
_LIMIT = 0.3  # of one window in the solver's own steps, about seconds
_LARGER, _SMALLER = 1.1, 0.9  # the next windows, where one was solved in vain, or was too large to be solved
_DRAWS = 20  # windows that are drawn until one may be worth it
_LEAST_SECONDS = 0.02  # that a window needs


def shorten(
    instance: JobShop,
    schedules: Iterable[NDArray[np.int64]],
    seconds: float,
    *,
    workers: int = 1,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Solution:
    """Shorten a schedule as long as there is time.

    CP-SAT solves windows of the schedule (:class:`Window`) anew, at random places, each for a schedule that is shorter
    than the shortest one so far: only such a one is taken, so the result is never longer than the schedules that are
    built. Windows grow where they are solved without success, until the window is the whole shop, and shrink where the
    solver does not come to an end; in a shop that is small enough the optimum is thereby proven. Windows that are
    solved side by side change the same schedule: that of one is put into whatever the others have made of the rest.

    While one core builds schedules, the other workers shorten that of a simple rule, and go on from the shortest one.

    Args:
        instance: what is scheduled.
        schedules: feasible ones, ``[J, K]``, that are built in this thread when the iterator is asked for them. The
            first is waited for; it is asked for another one as long as there is time.
        seconds: how long, with the time that they take to build.
        workers: windows that are solved side by side.
        seed: of the places and of the solver. Results depend on the machine all the same, as time does.
        clock: tells the time; processor time is fairer than the default, wall-clock time, where others use the machine.

    Returns:
        The schedule, and what is proven about it.

    Raises:
        InputError: OR-tools, of the extra ``scheduling``, is not installed.
    """
    try:
        import ortools.sat.python.cp_model  # noqa: F401
    except ModuleNotFoundError:
        raise lack_of_solver() from None
    return _Search(instance, seconds, clock).run(schedules, workers, seed)


class _Search:
    """What the workers of one search share."""

    def __init__(self, instance: JobShop, seconds: float, clock: Callable[[], float]) -> None:
        self.operations, self.clock, self.deadline = Operations(instance), clock, clock() + seconds
        self.bound = instance.machine_bound
        self.size = float(min(_SIZE, len(self.operations)))
        self.lock, self.over = Lock(), False
        self.solvers: set[cp_model.CpSolver] = set()  # at work
        self._take(self.operations.without_delay())

    def _take(self, order: list[int]) -> None:
        """Make this order the present one."""
        self.starts = self.operations.earliest(order)
        self.order = self.operations.sort(order, self.starts)
        self.makespan = self.operations.makespan(self.starts)
        self.vain: list[tuple[int, int]] = []  # windows of this order that have no shorter schedule

    def run(self, schedules: Iterable[NDArray[np.int64]], workers: int, seed: int) -> Solution:
        randoms = [Random(f"{seed} {worker}") for worker in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            works = [pool.submit(self._work, random) for random in randoms[1:]]
            try:
                for starts in schedules:
                    self._offer(starts)
                    if self._left <= 0.0:
                        break
                works.append(pool.submit(self._work, randoms[0]))
                going: Collection[Future[None]] = works
                while going and self._left > 0.0:
                    done, going = wait(works, timeout=min(POLL, self._left), return_when=FIRST_EXCEPTION)
                    for work in done:
                        work.result()
            finally:  # also where a signal ends the program: nobody waits for the windows that are being solved
                self.over = True
                while not all(work.done() for work in works):
                    with self.lock:
                        for solver in self.solvers:  # one that has not begun yet passes over the first words
                            solver.stop_search()
                    wait(works, timeout=POLL)
        return Solution(self.operations.matrix(self.starts), self.makespan, self.bound)

    def _take_if_shorter(self, order: list[int]) -> None:
        if self.operations.makespan(self.operations.earliest(order)) < self.makespan:
            self._take(order)

    def _offer(self, starts: NDArray[np.int64]) -> None:
        """Take a schedule if it is shorter."""
        listed = self.operations.listed(starts)
        with self.lock:
            self._take_if_shorter(self.operations.sort(range(len(self.operations)), listed))

    def _work(self, random: Random) -> None:
        while (drawn := self._draw(random)) is not None:
            window, longest = drawn
            status, found = self._solve(window, longest, random.randrange(2**31))
            self._conclude(window, status, found)

    @property
    def _left(self) -> float:
        """Seconds until the end."""
        return self.deadline - self.clock()

    def _draw(self, random: Random) -> tuple[Window, int] | None:
        """A window at a random place, none that is known to have no shorter schedule; and the makespan it may have.

        None: the search is over.
        """
        with self.lock:
            while not self.over and self.makespan > self.bound and self._left > _LEAST_SECONDS:
                count, size = len(self.order), int(self.size)
                for _ in range(_DRAWS):
                    place = random.randint(-(size // 2), count - size // 2) if size < count else 0
                    first, end = max(0, place), min(count, place + size)
                    if first < end and not any(low <= first and end <= high for low, high in self.vain):
                        return Window(self.operations, self.order, first, end), self.makespan - 1
                self._grow()
        return None

    def _grow(self) -> None:
        self.size = min(float(len(self.order)), self.size * _LARGER)

    def _solve(self, window: Window, longest: int, seed: int) -> tuple[str, dict[int, int]]:
        """The solver's word for what came of it, and the starts that it found, if any."""
        from ortools.sat.python import cp_model

        program = window.program(longest, self.bound)
        if program is None:
            return "INFEASIBLE", {}
        model, variables = program
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = seed
        solver.parameters.linearization_level = 0  # linear relaxations say little about job shops
        solver.parameters.max_deterministic_time = _LIMIT
        solver.parameters.catch_sigint_signal = False  # see mtl.suites.scheduling.solver
        with self.lock:
            self.solvers.add(solver)
        try:
            status = solver.status_name(solver.solve(model))
        finally:
            with self.lock:
                self.solvers.remove(solver)
        if status not in ("OPTIMAL", "FEASIBLE"):
            return status, {}
        return status, {operation: solver.value(start) for operation, start in variables.items()}

    def _conclude(self, window: Window, status: str, found: dict[int, int]) -> None:
        """Take what was found if it is shorter, and learn from what was not."""
        with self.lock:
            if found:
                self._take_if_shorter(window.place(found, self.order))
            elif status == "INFEASIBLE":
                self._grow()
                if window.order is self.order:
                    self.vain.append((window.first, window.end))
            else:
                self.size = max(_SMALLEST, self.size * _SMALLER)
            if window.whole and status in ("OPTIMAL", "INFEASIBLE"):
                self.bound = self.makespan
