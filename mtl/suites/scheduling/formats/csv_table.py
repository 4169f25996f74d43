"""A CSV table of one's own: a row per operation."""

import csv
from pathlib import Path

from mtl.errors import InputError, absent, suggestion
from mtl.suites.scheduling.instance import LARGEST_TIME, JobShop, Name, from_routes

COLUMNS = ("job", "operation", "machine", "duration")
SEPARATORS = (",", ";", "\t")


def parse_csv(path: Path, text: str) -> JobShop:
    """Read a table with the columns job, operation, machine and duration, in any order; a row per operation.

    Jobs and machines are names, of which the order of the first appearance counts. ``operation`` is a number, in whose
    order the operations of a job follow each other; the numbers may have gaps. The separator is a comma, a semicolon or
    a tab.

    Args:
        path: for messages and for the name of the instance.
        text: content of the file.

    Returns:
        The instance, with the names of the file.

    Raises:
        InputError: a column is missing or not known, or a row is no operation (file, line, what was expected).
    """
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise InputError(f"{path}:1: expected the columns {', '.join(COLUMNS)}, found an empty line")
    separator = max(SEPARATORS, key=lines[0].count)
    rows = csv.reader(lines, delimiter=separator)
    head = [name.strip().lower() for name in next(rows)]
    check_columns(path, head)
    jobs: dict[str, dict[int, tuple[int, int]]] = {}
    machines: dict[str, int] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{rows.line_num}"
        if len(row) != len(head):
            raise InputError(f"{where}: expected {len(head)} cells, found {len(row)}")
        cells = dict(zip(head, (cell.strip() for cell in row), strict=True))
        for name in ("job", "machine"):
            if not cells[name]:
                raise InputError(f"{where}: {name} is empty")
        operation = whole(where, "operation", cells["operation"])
        duration = whole(where, "duration", cells["duration"])
        route = jobs.setdefault(cells["job"], {})
        if operation in route:
            raise InputError(f"{where}: job {cells['job']} has an operation {operation} already")
        route[operation] = (machines.setdefault(cells["machine"], len(machines)), duration)
    if not jobs:
        raise InputError(f"{path}:2: expected a row per operation, found none")
    numbers = {job: sorted(route) for job, route in jobs.items()}
    operations: tuple[tuple[Name, ...], ...] = tuple(tuple(found) for found in numbers.values())
    return from_routes(
        path.stem,
        [[route[number] for number in numbers[job]] for job, route in jobs.items()],
        tuple(machines),
        job_names=tuple(jobs),
        operation_names=operations,
    )


def check_columns(path: Path, head: list[str]) -> None:
    """InputError if a column is missing, there twice, or one that would change what has to be scheduled."""
    for name in COLUMNS:
        if head.count(name) > 1:
            raise InputError(f"{path}:1: the column {name} is there twice")
        if name not in head:
            raise absent(f"{path}:1: column", name, head)
    for name in head:
        if name not in COLUMNS:
            near, _ = suggestion(name, COLUMNS)
            raise InputError(
                f"{path}:1: unknown column '{name}': {near}known: {', '.join(COLUMNS)}; remove it if a schedule may "
                "pass over it (release and due dates, weights and set-ups are not supported)"
            )


def whole(where: str, name: str, cell: str) -> int:
    """The whole number in a cell, also written as 3.0. InputError if it is none, or out of range."""
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"{where}: {name} {cell!r}: expected a whole number") from None
    if not 0 <= value < LARGEST_TIME or value != int(value):
        raise InputError(
            f"{where}: {name} {cell!r}: expected a whole number, 0 to {LARGEST_TIME - 1}; a smaller unit of time makes "
            "durations whole"
        )
    return int(value)
