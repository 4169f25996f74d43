"""Whether a list of operations keeps the constraints of a shop, found out from names and times alone."""

from collections.abc import Mapping

from mtl.agent.environments.scheduling.scheduled_operation import ScheduledOperation
from mtl.suites.scheduling.constraints import Name
from mtl.suites.scheduling.instance import JobShop


def machines_of(instance: JobShop, job: int, place: int) -> set[tuple[Name, int]] | None:
    """Names of the machines that can do an operation, with their durations; None: there are no alternatives."""
    if instance.alternatives is None:
        return None
    machines, durations = instance.alternatives.machines[job, place], instance.alternatives.durations[job, place]
    pairs = zip(machines.tolist(), durations.tolist(), strict=True)
    return {(instance.machine_names[machine], duration) for machine, duration in pairs if machine >= 0}


def find_broken_constraint(instance: JobShop, operations: Mapping[tuple[Name, Name], ScheduledOperation]) -> str | None:
    """The first constraint that a schedule does not keep; shares no code with what built the schedule.

    Args:
        instance: what is scheduled.
        operations: all of the schedule, by the names of job and operation.

    Returns:
        The problem in words; None if all are kept.
    """
    given = instance.constraints
    for number, (job, names) in enumerate(zip(instance.job_names, instance.operation_names, strict=True)):
        fixed = given.fixed[number] if given.fixed else ()
        release = given.releases[number] if given.releases else 0
        for place, name in enumerate(names):
            one = operations[job, name]
            options = machines_of(instance, number, place)
            if place >= len(fixed) and options is not None and (one.machine, one.end - one.start) not in options:
                return f"operation {name} of job {job} is on machine {one.machine} for {one.end - one.start}"
            what = f"operation {name} of job {job} begins at {one.start}"
            if place < len(fixed):
                if one.start != fixed[place]:
                    return f"{what} and is fixed to {fixed[place]}"
                continue
            if one.start < max(release, given.now):
                return f"{what}, before the release of the job at {release} or the moment of planning, {given.now}"
            for down in given.downtimes:
                if instance.machine_names[down.machine] != one.machine:
                    continue
                if one.start < down.end and one.end > down.start:
                    return f"{what}, and machine {one.machine} does not work from {down.start} to {down.end}"
    return None
