"""A CSV table of one's own: a row per operation."""

from pathlib import Path

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Name
from mtl.suites.scheduling.formats.csv_rows import csv_rows
from mtl.suites.scheduling.formats.own_shop import OwnJob, OwnOperation, build_shop, whole
from mtl.suites.scheduling.instance import JobShop

COLUMNS = ("job", "operation", "machine", "duration")
OF_JOBS = ("release", "due", "weight")
START = "start"
HINT = (
    "; remove it if a schedule may pass over it (set-ups are not supported, alternative machines stand in a JSON or "
    ".fjs file)"
)


def parse_csv(path: Path, text: str) -> JobShop:
    """Read a table with the columns job, operation, machine and duration, in any order; a row per operation.

    Jobs and machines are names, of which the order of the first appearance counts. ``operation`` is a number, in whose
    order the operations of a job follow each other; the numbers may have gaps. The separator is a comma, a semicolon or
    a tab.

    Further columns may be there, and their cells may be empty. ``release``, ``due`` and ``weight`` are of the job, and
    stand in one of its rows or in several alike. ``start`` fixes when an operation begins, or says when it began.

    Args:
        path: for messages and for the name of the instance.
        text: content of the file.

    Returns:
        The instance, with the names of the file.

    Raises:
        InputError: a column is missing or not known, or a row is no operation (file, line, what was expected).
    """
    jobs: dict[str, OwnJob] = {}
    numbered: dict[str, dict[int, OwnOperation]] = {}
    machines: dict[str, int] = {}
    for where, cells in csv_rows(path, text, COLUMNS, (*OF_JOBS, START), HINT):
        for name in ("job", "machine"):
            if not cells[name]:
                raise InputError(f"{where}: {name} is empty")
        operation = whole(where, "operation", cells["operation"])
        duration = whole(where, "duration", cells["duration"])
        job = jobs.setdefault(cells["job"], OwnJob())
        route = numbered.setdefault(cells["job"], {})
        if operation in route:
            raise InputError(f"{where}: job {cells['job']} has an operation {operation} already")
        start = whole(where, START, cells[START]) if cells.get(START) else None
        route[operation] = OwnOperation([(machines.setdefault(cells["machine"], len(machines)), duration)], start)
        for name in OF_JOBS:
            if cells.get(name):
                read_of_job(where, cells["job"], job, name, cells[name])
    if not jobs:
        raise InputError(f"{path}:2: expected a row per operation, found none")
    for name, route in numbered.items():
        ordered: dict[Name, OwnOperation] = {number: route[number] for number in sorted(route)}
        jobs[name].operations = ordered
    return build_shop(f"{path}", path.stem, jobs, tuple(machines))


def read_of_job(where: str, name: str, job: OwnJob, what: str, cell: str) -> None:
    """Take a release date, due date or weight of a job. InputError if an earlier row has another one."""
    value, before = whole(where, what, cell), getattr(job, what)
    if before not in (None, value):
        raise InputError(f"{where}: {what} {value} of job {name}, which has {before} in an earlier row")
    setattr(job, what, value)
