"""JSON files of job-shop-lib: a matrix of durations and one of machines."""

from pathlib import Path
from typing import Any

from mtl.errors import InputError, unknown
from mtl.suites.scheduling.formats.idle_machines import check_idle
from mtl.suites.scheduling.instance import LARGEST_TIME, JobShop, from_options

DURATIONS, MACHINES = "duration_matrix", "machines_matrix"
# Constraints that job-shop-lib may write, and that no schedule here would keep
UNSUPPORTED = ("release_dates_matrix", "deadlines_matrix", "due_dates_matrix")
KNOWN = ("name", DURATIONS, MACHINES, "metadata", *UNSUPPORTED)


def parse_json(path: Path, content: Any) -> list[JobShop]:
    """Read what ``JobShopInstance.to_dict`` of job-shop-lib gives, or several of them by name.

    ``duration_matrix`` and ``machines_matrix`` hold a list per job, in the order of its route; ``metadata`` may hold
    ``upper_bound`` and ``lower_bound``.

    Args:
        path: for messages, and for the name of a single instance.
        content: of the file.

    Returns:
        The instances.

    Raises:
        InputError: it is no such file; or it has dates of operations, which would not be kept.
    """
    if isinstance(content, dict) and DURATIONS in content:
        return [read_entry(f"{path}", path.stem, content)]
    if isinstance(content, dict) and content and all(isinstance(entry, dict) for entry in content.values()):
        return [read_entry(f"{path}: {name}", name, entry) for name, entry in content.items()]
    raise InputError(f"{path}: expected an object with {DURATIONS} and {MACHINES}, or several of them by name")


def read_entry(where: str, name: str, entry: dict[str, Any]) -> JobShop:
    """One instance.

    Args:
        where: for messages.
        name: of the instance.
        entry: with the two matrices, and perhaps ``metadata``.

    Returns:
        The instance.

    Raises:
        InputError: the matrices are missing, or are none of a job shop; or it demands something that no schedule here
            would keep.
    """
    for key in entry:
        if key not in KNOWN:
            raise unknown(f"key in {where}", key, KNOWN)
    for key in UNSUPPORTED:
        if says_something(entry.get(key)):
            raise InputError(
                f"{where}: {key} is not supported, a schedule would not keep it: remove it, or give the dates of jobs "
                "in a CSV or JSON file of your own"
            )
    durations, machines = entry.get(DURATIONS), entry.get(MACHINES)
    if not (is_matrix(durations) and is_matrix(machines)):
        raise InputError(f"{where}: expected {DURATIONS} and {MACHINES}, each a list of lists")
    assert durations is not None
    assert machines is not None
    if [len(row) for row in durations] != [len(row) for row in machines]:
        raise InputError(f"{where}: {DURATIONS} and {MACHINES} differ in their numbers of operations")
    routes = []
    for job, (lengths, places) in enumerate(zip(durations, machines, strict=True)):
        # job-shop-lib also writes a list of the machines that can do an operation, all in the same time
        choices = [place if isinstance(place, list) else [place] for place in places]
        for value in (*lengths, *(place for choice in choices for place in choice)):
            if type(value) is not int or not 0 <= value < LARGEST_TIME:
                raise InputError(
                    f"{where}: job {job}: expected whole numbers, 0 to {LARGEST_TIME - 1}, found {value!r}"
                )
        if not all(len(set(choice)) == len(choice) > 0 for choice in choices):
            raise InputError(f"{where}: job {job}: expected one machine or more for each operation, each once")
        routes.append([[(place, length) for place in choice] for choice, length in zip(choices, lengths, strict=True)])
    metadata = entry.get("metadata") or {}
    bounds = {key: metadata.get(key) for key in ("upper_bound", "lower_bound")} if isinstance(metadata, dict) else {}
    for key, value in bounds.items():
        if value is not None and type(value) is not int:
            raise InputError(f"{where}: {key}={value!r}: expected a whole number or null")
    largest = max((place for route in routes for options in route for place, _ in options), default=0)
    check_idle(where, largest + 1, sum(len(options) for route in routes for options in route))
    machines = tuple(range(largest + 1))
    return from_options(
        name, routes, machines, upper_bound=bounds.get("upper_bound"), lower_bound=bounds.get("lower_bound")
    )


def says_something(value: Any) -> bool:
    """Whether any value of a list of lists is neither null nor 0."""
    return any(map(says_something, value)) if isinstance(value, list) else bool(value)


def is_matrix(value: Any) -> bool:
    """Whether it is a list of one list or more."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, list) for row in value)
