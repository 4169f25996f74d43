"""A shop as a person writes it, by names: what tables and JSON files of one's own have in common."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mtl.errors import InputError, unknown
from mtl.suites.scheduling.alternatives import Option
from mtl.suites.scheduling.constraints import Constraints, Downtime, Name
from mtl.suites.scheduling.instance import LARGEST_TIME, JobShop, from_options

THOUSANDS = re.compile(r"\d{1,3}(\.\d{3})+")  # 1.000 is one for some people, and a thousand for others

# How numbers become whole that are no times
WHOLE = {"weight": "weights count by their ratios", "operation": "operations are numbered"}


@dataclass
class OwnOperation:
    """An operation of a file.

    Attributes:
        options: numbers of the machines that can do it, with the durations on them.
        start: when it began or is to begin, if that is fixed.
    """

    options: list[Option]
    start: int | None = None


@dataclass
class OwnJob:
    """A job of a file.

    Attributes:
        operations: by name, in the order of the route.
        release: before which it cannot begin, if that is given.
        due: when it should be done, if that is given.
        weight: of its tardiness, if that is given.
    """

    operations: dict[Name, OwnOperation] = field(default_factory=dict)
    release: int | None = None
    due: int | None = None
    weight: int | None = None


def build_shop(
    where: str,
    name: str,
    jobs: Mapping[str, OwnJob],
    machines: Sequence[Name],
    downtimes: Sequence[Downtime] = (),
    now: int = 0,
) -> JobShop:
    """The instance that a file describes.

    Args:
        where: the file, for messages.
        name: of the instance.
        jobs: by name.
        machines: names of all.
        downtimes: of machines.
        now: moment of planning.

    Returns:
        The instance.

    Raises:
        InputError: it cannot be scheduled; says why.
    """
    given = list(jobs.values())
    weighted = any(job.weight is not None for job in given)
    for job_name, job in jobs.items():
        if weighted and job.due is not None and job.weight is None:
            raise InputError(f"{where}: job {job_name} has a due date and no weight, and other jobs have one")
    dated = any(job.due is not None for job in given)
    constraints = Constraints(
        releases=tuple(job.release or 0 for job in given) if any(job.release for job in given) else (),
        due=tuple(job.due for job in given) if dated else (),
        weights=tuple(job.weight or 0 for job in given) if weighted else (),
        downtimes=tuple(downtimes),
        fixed=fixed_starts(where, jobs),
        now=now,
    )
    return from_options(
        name,
        [[one.options for one in job.operations.values()] for job in given],
        machines,
        job_names=tuple(jobs),
        operation_names=tuple(tuple(job.operations) for job in given),
        constraints=constraints,
    )


def fixed_starts(where: str, jobs: Mapping[str, OwnJob]) -> tuple[tuple[int, ...], ...]:
    """By job the starts of its first operations that are fixed; empty if none is.

    Args:
        where: the file, for the message.
        jobs: by name.

    Returns:
        The starts.

    Raises:
        InputError: an operation is fixed and one before it in its job is not.
    """
    found = []
    for name, job in jobs.items():
        starts = [one.start for one in job.operations.values()]
        fixed = [start for start in starts if start is not None]
        for operation, one in job.operations.items():
            if one.start is not None and len(one.options) > 1:
                raise InputError(
                    f"{where}: operation {operation} of job {name} has a start and {len(one.options)} machines: name "
                    "the one that it is on"
                )
        if None in starts[: len(fixed)]:
            names, free = list(job.operations), starts.index(None)
            late = next(place for place, start in enumerate(starts) if place > free and start is not None)
            raise InputError(
                f"{where}: operation {names[late]} of job {name} has a start, and operation {names[free]} "
                "before it has none: fix the first operations of a job"
            )
        found.append(tuple(fixed))
    return tuple(found) if any(found) else ()


def whole(where: str, name: str, cell: str) -> int:
    """The whole number in a cell, also written as 3.0. InputError if it is none, out of range, or one of two: 1.000."""
    if THOUSANDS.fullmatch(cell.strip()):
        raise InputError(f"{where}: {name} {cell!r}: expected a whole number without a point, which may part thousands")
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{where}: {name} {cell!r}: expected a whole number") from None
    if not 0 <= value < LARGEST_TIME or value != int(value):
        hint = WHOLE.get(name, "a smaller unit of time makes times whole")
        raise InputError(f"{where}: {name} {cell!r}: expected a whole number, 0 to {LARGEST_TIME - 1}; {hint}")
    return int(value)


def machine_number(where: str, name: str, machines: Sequence[Name]) -> int:
    """The number of a machine that a file names. InputError with the nearest name if there is none of this name."""
    names = [str(machine) for machine in machines]
    if name not in names:
        raise unknown(f"machine in {where}", name, names)
    return names.index(name)
