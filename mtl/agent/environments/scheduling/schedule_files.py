"""Files of executed schedules: when every operation starts and ends, as CSV and JSON."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtl.agent.environments.scheduling.operations import list_operations
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.report import Value, to_csv

NAME = "schedules"  # of the files, without the ending
NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]')  # what file systems take for something else
LONGEST = 120  # bytes of a name, which systems limit to 255 with what stands around it


@dataclass(frozen=True)
class ExecutedSchedule:
    """A schedule to be written.

    Attributes:
        method: who built it, in words that tell it from the others of its instance.
        schedule: of one instance.
    """

    method: str
    schedule: Schedule


def schedule_files(executed: Sequence[ExecutedSchedule]) -> Iterator[tuple[str, str]]:
    """The names and contents of the two files that hold the schedules.

    The CSV has a row per operation: instance, method, job, operation, machine, start, end. The JSON holds a list of
    schedules with instance, method, makespan and their operations, and the end and tardiness of each job that has a due
    date. Jobs and machines have the names of the instance.

    Args:
        executed: schedules.

    Yields:
        tuple[str, str]: the name of a file and its text.

    Raises:
        ValueError: a schedule is not feasible.
    """
    rows: list[Mapping[str, Value]] = []
    plans = []
    for one in executed:
        operations = [operation._asdict() for operation in list_operations(one.schedule)]
        named = {"instance": one.schedule.instance.name, "method": one.method}
        rows += [{**named, **operation} for operation in operations]
        plans.append({**named, "makespan": one.schedule.makespan, **due_dates(one.schedule), "operations": operations})
    yield f"{NAME}.csv", to_csv(rows)
    yield f"{NAME}.json", json.dumps({"schedules": plans}) + "\n"


def names_in_files(names: Sequence[str]) -> list[str]:
    """What the files of instances are called, as each is named by a person or a file.

    Args:
        names: of all that have files of one kind.

    Returns:
        The names, with ``_`` for each sign that a file's name cannot hold, and cut; of two that would then be the same,
        also where capitals are not told apart, the later one with a number.
    """
    found: list[str] = []
    for name in names:
        first = NOT_IN_NAMES.sub("_", name).encode()[:LONGEST].decode(errors="ignore")
        chosen, number = first, 1
        while chosen.casefold() in map(str.casefold, found):
            number += 1
            chosen = f"{first}-{number}"
        found.append(chosen)
    return found


def due_dates(schedule: Schedule) -> dict[str, Any]:
    """What became of the due dates of a schedule, under ``due_dates``; empty where no job has one."""
    given = schedule.instance.constraints
    if not given.dated:
        return {}
    ends = (schedule.starts + schedule.instance.durations).max(1).tolist()
    jobs = zip(schedule.instance.job_names, given.due, ends, strict=True)
    return {
        "due_dates": [
            {"job": job, "due": due, "end": end, "tardiness": max(0, end - due)}
            for job, due, end in jobs
            if due is not None
        ]
    }
