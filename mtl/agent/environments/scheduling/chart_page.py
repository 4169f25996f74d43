"""A schedule as an HTML page that needs nothing else: every operation can be read, jobs can be followed."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl.agent.environments.scheduling.operations import list_operations
from mtl.agent.environments.scheduling.palette import is_dark, palette
from mtl.agent.environments.scheduling.schedule import Schedule


def chart_page(schedule: Schedule, method: str) -> str:
    """The page: machines by time, a bar per operation with the name of its job where there is room.

    A pointer on a bar says what it is, a click or the list of jobs marks one job, buttons stretch the time. Downtimes,
    fixed operations, the moment of planning, the makespan and late jobs are shown as in the Gantt chart.

    Args:
        schedule: what to show.
        method: who built it, for the head.

    Returns:
        HTML; every text in it is escaped.
    """
    environment = Environment(
        loader=PackageLoader("mtl.agent.environments.scheduling", ""), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("chart.html").render(
        instance=schedule.instance, method=method, summary=summary(schedule), jobs=jobs(schedule), data=data(schedule)
    )


def summary(schedule: Schedule) -> str:
    """What the head says of the schedule."""
    facts = [f"makespan {schedule.makespan}"]
    if schedule.instance.objective == "weighted_tardiness":
        facts.append(f"weighted tardiness {schedule.cost}")
    else:
        reference = schedule.reference
        facts.append(f"{schedule.gap:+.1%} to the {reference.label}, {reference.makespan}")
    if schedule.instance.constraints.dated:
        facts.append(f"{schedule.late_jobs} of {schedule.instance.jobs} jobs late")
    return ", ".join([*facts, f"machines busy {schedule.utilisation:.0%}"])


def jobs(schedule: Schedule) -> list[dict[str, Any]]:
    """Name, start, end, due date and tardiness of every job."""
    given, instance = schedule.instance.constraints, schedule.instance
    ends = (schedule.starts + instance.durations).max(1).tolist()
    found = []
    for job, name in enumerate(instance.job_names):
        due = given.due[job] if given.due else None
        late = max(0, ends[job] - due) if due is not None else 0
        start = int(schedule.starts[job, 0])
        found.append({"name": str(name), "start": start, "end": ends[job], "due": due, "late": late})
    return found


def data(schedule: Schedule) -> dict[str, Any]:
    """What the page draws: operations as ``[job, operation, machine, start, end, fixed]``, by numbers of both."""
    instance = schedule.instance
    machines = {name: number for number, name in enumerate(instance.machine_names)}
    listed = iter(list_operations(schedule))
    operations = []
    for job, length in enumerate(instance.lengths.tolist()):
        for place in range(length):
            one = next(listed)
            fixed = bool(instance.fixed[job, place] >= 0)
            operations.append([job, str(one.operation), machines[one.machine], one.start, one.end, fixed])
    colours = palette(instance.jobs)
    return {
        "operations": operations,
        "machines": [str(name) for name in instance.machine_names],
        "jobs": jobs(schedule),
        "colours": ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in colours],
        "dark": [is_dark(colour) for colour in colours],
        "downtimes": [[down.machine, down.start, down.end] for down in instance.constraints.downtimes],
        "now": instance.constraints.now,
        "makespan": schedule.makespan,
        "busy": [f"{share:.0%}" for share in instance.load / max(1, schedule.makespan)],
    }
