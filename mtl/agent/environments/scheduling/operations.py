"""Schedules as lists of operations: what is written into files, and a check of just that."""

from collections.abc import Iterable, Sequence

from mtl.agent.environments.scheduling.kept_constraints import find_broken_constraint
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.scheduled_operation import ScheduledOperation
from mtl.suites.scheduling.constraints import Name
from mtl.suites.scheduling.instance import JobShop


def list_operations(schedule: Schedule) -> list[ScheduledOperation]:
    """Every operation of a schedule, checked for feasibility, job by job in the order of their routes.

    Args:
        schedule: of one instance.

    Returns:
        Its operations.

    Raises:
        ValueError: they are not feasible.
    """
    instance = schedule.instance
    found = []
    for job, length in enumerate(instance.lengths.tolist()):
        for place in range(length):
            start = int(schedule.starts[job, place])
            found.append(
                ScheduledOperation(
                    instance.job_names[job],
                    instance.operation_names[job][place],
                    instance.machine_names[int(instance.machines[job, place])],
                    start,
                    start + int(instance.durations[job, place]),
                )
            )
    problem = find_violation(instance, found)
    if problem:
        raise ValueError(f"instance {instance.name}: not a feasible schedule: {problem}")
    return found


def find_violation(instance: JobShop, operations: Sequence[ScheduledOperation]) -> str | None:
    """The first thing that is wrong with a list of operations as a schedule of an instance.

    It looks at the names and times of the list alone, and shares no code with the simulator, the rules or the solver:
    every operation is there once, on its machine, for as long as it takes, after the one before it in its job, and
    while no other operation is on the machine; and the constraints of the instance are kept.

    Args:
        instance: what is scheduled.
        operations: of a schedule, in any order.

    Returns:
        The problem in words; None if the schedule is feasible.
    """
    expected = {
        (job, name): (machine, duration)
        for job, names, machines, durations in zip(
            instance.job_names,
            instance.operation_names,
            instance.machines.tolist(),
            instance.durations.tolist(),
            strict=True,
        )
        for name, machine, duration in zip(names, machines, durations, strict=False)
    }
    found = {(one.job, one.operation): one for one in operations}
    if len(found) != len(operations) or found.keys() != expected.keys():
        return f"{len(operations)} operations, of which {len(found.keys() & expected.keys())} are of the instance's"
    for (job, name), (machine, duration) in expected.items():
        one = found[job, name]
        if one.machine != instance.machine_names[machine]:
            return f"operation {name} of job {job} is on machine {one.machine}"
        if one.start < 0 or one.end - one.start != duration:
            return f"operation {name} of job {job} runs from {one.start} to {one.end} and takes {duration}"
    for job, names in zip(instance.job_names, instance.operation_names, strict=True):
        problem = find_overlap((found[job, name] for name in names), f"job {job}")
        if problem:
            return problem
    by_machine: dict[Name, list[ScheduledOperation]] = {}
    for one in operations:
        by_machine.setdefault(one.machine, []).append(one)
    for machine_name, there in by_machine.items():
        problem = find_overlap(sorted(there, key=lambda one: (one.start, one.end)), f"machine {machine_name}")
        if problem:
            return problem
    return find_broken_constraint(instance, found)


def find_overlap(operations: Iterable[ScheduledOperation], where: str) -> str | None:
    """The first operation of a sequence that begins before the one before it ends, in words."""
    before: ScheduledOperation | None = None
    for one in operations:
        if before is not None and one.start < before.end:
            return f"{where} has an operation that begins at {one.start}, before {before.end}"
        before = one
    return None
