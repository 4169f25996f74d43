"""A job shop as a constraint program for CP-SAT."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtl.suites.scheduling.alternatives import Option
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
        chosen: for every operation that several machines can do, by job and place, whether each of them does it.
        least: no schedule costs less, as is known without a search.
    """

    model: "cp_model.CpModel"
    starts: list[list["cp_model.IntVar"]]
    chosen: dict[tuple[int, int], dict[int, "cp_model.IntVar"]]
    least: int


def build_program(instance: JobShop) -> Program:
    """The constraint program of an instance: an interval for every operation, and no two at once on a machine.

    An operation that several machines can do has an optional interval on each, of which one is there. A fixed operation
    has one possible start. What the downtimes and fixed operations of a machine take are intervals of it.

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
    chosen: dict[tuple[int, int], dict[int, cp_model.IntVar]] = {}
    ends = []
    for job, row in enumerate(instance.durations.tolist()):
        for operation, duration in enumerate(row[: instance.lengths[job]]):
            start = starts[job][operation]
            options = machines_of(instance, job, operation)
            if len(options) == 1:
                if instance.fixed[job, operation] < 0:
                    interval = model.new_fixed_size_interval_var(start, duration, "")
                    queues[instance.machines[job, operation]].append(interval)
                end = start + duration
            else:
                there = {machine: model.new_bool_var("") for machine, _ in options}
                for machine, lasts in options:
                    queues[machine].append(model.new_optional_fixed_size_interval_var(start, lasts, there[machine], ""))
                model.add_exactly_one(there.values())
                end = start + sum(lasts * there[machine] for machine, lasts in options)
                chosen[job, operation] = there
            following = starts[job][operation + 1] if operation + 1 < len(starts[job]) else makespan
            model.add(following >= end)
        ends.append(end)
    for machine, queue in enumerate(queues):
        taken = taken_times(instance, machine)
        queue += [model.new_fixed_size_interval_var(start, end - start, "") for start, end in taken]
        model.add_no_overlap(queue)
    if instance.objective == "makespan":
        model.minimize(makespan)
        return Program(model, starts, chosen, instance.trivial_bound)
    costs, least = [], 0
    for job, due in enumerate(instance.constraints.due):
        if due is not None:
            weight = instance.constraints.weights[job]
            late = model.new_int_var(0, max(0, horizon - due), "")
            model.add(late >= ends[job] - due)
            costs.append(weight * late)
            least += weight * max(0, int(instance.earliest_ends[job]) - due)
    model.minimize(sum(costs))
    return Program(model, starts, chosen, least)


def machines_of(instance: JobShop, job: int, operation: int) -> list[Option]:
    """The machines that can do an operation, each with its duration; of a fixed operation its own."""
    if instance.alternatives is None or instance.fixed[job, operation] >= 0:
        return [(int(instance.machines[job, operation]), int(instance.durations[job, operation]))]
    count = int(instance.alternatives.count[job, operation])
    machines, durations = (
        instance.alternatives.machines[job, operation],
        instance.alternatives.durations[job, operation],
    )
    return list(zip(machines[:count].tolist(), durations[:count].tolist(), strict=True))


def taken_times(instance: JobShop, machine: int) -> list[Interval]:
    """Downtimes and fixed operations of a machine, in order, those that overlap as one.

    Those that only touch stay apart: between them there is a place for an operation that takes no time.
    """
    here = (instance.machines == machine) & (instance.fixed >= 0)
    times = list(zip(instance.fixed[here].tolist(), (instance.fixed + instance.durations)[here].tolist(), strict=True))
    times += [(down.start, down.end) for down in instance.constraints.downtimes if down.machine == machine]
    found: list[Interval] = []
    for start, end in sorted(times):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
