"""A job shop as a constraint program for CP-SAT."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtl.suites.scheduling.instance import JobShop

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Interval = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Program:
    """A job shop as CP-SAT sees it.

    Attributes:
        model: variables, constraints and objective.
        starts: the start of every operation, by job.
        least: no schedule costs less, as is known without a search.
    """

    model: "cp_model.CpModel"
    starts: list[list["cp_model.IntVar"]]
    least: int


def build_program(instance: JobShop) -> Program:
    """The constraint program of an instance: an interval for every operation, and no two at once on a machine.

    A fixed operation has one possible start. A downtime is an interval of its machine, without what fixed operations
    take of it.

    Args:
        instance: what to schedule.

    Returns:
        The program.
    """
    from ortools.sat.python import cp_model  # half a second, which runs with cached schedules need not pay

    model = cp_model.CpModel()
    horizon = instance.horizon
    starts = []
    for heads, fixed, length in zip(instance.heads, instance.fixed, instance.lengths, strict=True):
        # Without constraints the solver finds the earliest starts by itself, and references stay those of before
        earliest = heads if instance.constrained else 0 * heads
        latest = [start if start >= 0 else horizon for start in fixed.tolist()]
        starts.append([model.new_int_var(*ends, "") for ends in zip(earliest.tolist()[:length], latest, strict=False)])
    makespan = model.new_int_var(instance.trivial_bound, horizon, "")
    queues: list[list[cp_model.IntervalVar]] = [[] for _ in range(instance.machine_count)]
    for job, row in enumerate(instance.durations.tolist()):
        for operation, duration in enumerate(row[: instance.lengths[job]]):
            start = starts[job][operation]
            queues[instance.machines[job, operation]].append(model.new_fixed_size_interval_var(start, duration, ""))
            following = starts[job][operation + 1] if operation + 1 < len(starts[job]) else makespan
            model.add(following >= start + duration)
    for machine, queue in enumerate(queues):
        queue += [model.new_fixed_size_interval_var(start, end - start, "") for start, end in pauses(instance, machine)]
        model.add_no_overlap(queue)
    if instance.objective == "makespan":
        model.minimize(makespan)
        return Program(model, starts, instance.trivial_bound)
    costs, least = [], 0
    for job, due in enumerate(instance.constraints.due):
        if due is not None:
            length, weight = int(instance.lengths[job]), instance.constraints.weights[job]
            late = model.new_int_var(0, max(0, horizon - due), "")
            model.add(late >= starts[job][length - 1] + int(instance.durations[job, length - 1]) - due)
            costs.append(weight * late)
            least += weight * max(0, int(instance.earliest_ends[job]) - due)
    model.minimize(sum(costs))
    return Program(model, starts, least)


def pauses(instance: JobShop, machine: int) -> Iterator[Interval]:
    """The downtimes of a machine, one after the other, without the times that fixed operations have it."""
    here = (instance.machines == machine) & (instance.fixed >= 0)
    taken = sorted(
        zip(instance.fixed[here].tolist(), (instance.fixed + instance.durations)[here].tolist(), strict=True)
    )
    ended = 0
    for downtime in sorted(instance.constraints.downtimes):
        if downtime.machine == machine:
            yield from remainder((max(ended, downtime.start), downtime.end), taken)
            ended = max(ended, downtime.end)


def remainder(whole: Interval, taken: Sequence[Interval]) -> Iterator[Interval]:
    """What is left of an interval without these, which are in order."""
    start, end = whole
    for first, last in taken:
        if first < end and last > start:
            if first > start:
                yield start, first
            start = last
    if start < end:
        yield start, end
