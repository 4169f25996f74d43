"""A part of a schedule that CP-SAT solves anew while the rest keeps its order: a large neighbourhood."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtl.suites.scheduling.dispatch_order import Operations

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


@dataclass(frozen=True, eq=False)
class Window:
    """Operations that follow each other in the order in which a schedule dispatches them.

    What lies before the window stays as it is, and what lies after it keeps its order on every machine. So the rest of
    the schedule is two numbers for each job and machine: its *head*, when it is free of what lies before, and its
    *tail*, the longest path from there through what lies after. With ``r(o)`` and ``q(o)`` the larger one of job and
    machine of an operation o of the window, the makespan is the largest of ``start(o) + duration(o) + q(o)``, where
    ``start(o) >= r(o)``, and of head + tail of each job and machine. A window of any shop is thus a small job shop.

    Large neighbourhoods: P. Shaw, "Using Constraint Programming and Local Search Methods to Solve Vehicle Routing
    Problems", CP 1998, https://doi.org/10.1007/3-540-49481-2_30.

    Attributes:
        operations: of the job shop.
        order: of all of them, those of a job in the order of its route.
        first: place of the window's first operation in the order.
        end: place after the last one.
    """

    operations: Operations
    order: list[int]
    first: int
    end: int

    @property
    def whole(self) -> bool:
        """Whether it is all of the schedule."""
        return self.end - self.first == len(self.order)

    def program(self, longest: int, bound: int) -> "tuple[cp_model.CpModel, dict[int, cp_model.IntVar]] | None":
        """The constraint program of the window: the shortest makespan that is no longer than ``longest``.

        Every start has its value in the present schedule as a hint.

        Args:
            longest: makespan that is allowed.
            bound: no makespan is shorter.

        Returns:
            The program and the starts; None if heads and tails alone show that there is no such schedule.
        """
        from ortools.sat.python import cp_model  # half a second, see mtl.suites.scheduling.solver

        shop, inside = self.operations, self.order[self.first : self.end]
        jobs, machines, durations = shop.jobs, shop.machines, shop.durations
        starts = [0] * len(shop)
        job_head, machine_head = shop.free()
        shop.dispatch(self.order[: self.first], job_head, machine_head, starts)
        job_tail, machine_tail = shop.free()
        shop.dispatch(self.order[: self.end - 1 : -1], job_tail, machine_tail, starts)
        shop.dispatch(inside, job_head.copy(), machine_head.copy(), starts)
        around = zip(job_head + machine_head, job_tail + machine_tail, strict=True)
        bound = max(bound, *(head + tail for head, tail in around))
        if bound > longest:
            return None
        model = cp_model.CpModel()
        makespan = model.new_int_var(bound, longest, "")
        variables: dict[int, cp_model.IntVar] = {}
        before: dict[int, int] = {}  # the job's operation before, by job
        queues: list[list[cp_model.IntervalVar]] = [[] for _ in machine_head]
        for operation in inside:
            job, machine, duration = jobs[operation], machines[operation], durations[operation]
            head = max(job_head[job], machine_head[machine])
            rest = duration + max(job_tail[job], machine_tail[machine])
            if head + rest > longest:
                return None
            start = model.new_int_var(head, longest - rest, "")
            model.add_hint(start, min(starts[operation], longest - rest))
            if job in before:
                model.add(start >= variables[before[job]] + durations[before[job]])
            model.add(makespan >= start + rest)
            variables[operation], before[job] = start, operation
            queues[machine].append(model.new_fixed_size_interval_var(start, duration, ""))
        for queue in queues:
            model.add_no_overlap(queue)
        model.minimize(makespan)
        return model, variables

    def place(self, starts: dict[int, int], order: list[int]) -> list[int]:
        """Another order of the same operations in which those of the window are sorted by these starts.

        The other order may have changed outside of the window since the window was taken from it: what lay before the
        window stays before it, what lay after stays after. Every result keeps to the routes.

        Args:
            starts: of the operations of the window.
            order: of all operations.

        Returns:
            The new order.
        """
        early, late = set(self.order[: self.first]), set(self.order[self.end :])
        inside = self.operations.sort(starts, starts)
        return [one for one in order if one in early] + inside + [one for one in order if one in late]
