"""Text files of flexible job shops (.fjs), in which several machines can do an operation."""

from pathlib import Path

from mtl.errors import InputError
from mtl.suites.scheduling.alternatives import Option
from mtl.suites.scheduling.formats.idle_machines import check_idle
from mtl.suites.scheduling.formats.text import INTEGER
from mtl.suites.scheduling.instance import LARGEST_TIME, JobShop, from_options

SHORTEST = 4  # numbers on the line of a job: operations, machines of the first one, and a pair


def parse_fjs(path: Path, text: str) -> JobShop:
    """Read the format of the benchmark files of Brandimarte and of Hurink.

    The first line says ``jobs machines``, perhaps followed by the mean number of machines of an operation. A line per
    job begins with its number of operations; of each operation there follow the number of machines that can do it, and
    as many pairs ``machine duration``. Machines are numbered from 1, or from 0 where there is a machine 0, and keep
    these numbers as names. Empty lines, and words after the last job, are passed over.

    Args:
        path: for messages and for the name of the instance.
        text: content of the file.

    Returns:
        The instance.

    Raises:
        InputError: a malformed line (file, line number, what was expected).
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError(f"{path}:1: expected 'jobs machines', found an empty file")
    number, words = lines[0]
    head = [whole_number(path, number, word) for word in words[:2]]
    if len(head) < 2 or min(head) < 1 or len(words) > 3:
        raise InputError(f"{path}:{number}: expected 'jobs machines' (two positive numbers), found {' '.join(words)!r}")
    (jobs, machines), stated = head, number
    if len(lines) - 1 < jobs:
        raise InputError(
            f"{path}:{lines[-1][0]}: expected {jobs} job lines after the first line, found {len(lines) - 1}"
        )
    for number, words in lines[jobs + 1 :]:
        if len(words) >= SHORTEST and all(INTEGER.fullmatch(word) for word in words):
            raise InputError(
                f"{path}:{number}: expected {jobs} job lines after the first line, and nothing after them: here is one "
                "more (a file holds one shop)"
            )
    routes = [read_job(path, *line, machines) for line in lines[1 : jobs + 1]]
    check_idle(f"{path}:{stated}", machines, sum(len(options) for route in routes for options in route))
    seen = {machine for route in routes for options in route for machine, _ in options}
    first = 0 if 0 in seen else 1
    if max(seen) >= first + machines:
        raise InputError(
            f"{path}: machines are numbered from 0 and from 1: expected 0..{machines - 1} or 1..{machines}"
        )
    routes = [[[(place - first, lasts) for place, lasts in options] for options in route] for route in routes]
    return from_options(path.stem, routes, tuple(range(first, first + machines)))


def read_job(path: Path, number: int, words: list[str], machines: int) -> list[list[Option]]:
    """The operations of a line, each with the machines that can do it, 0..M, as they may be numbered from 0 or 1."""
    values = [whole_number(path, number, word) for word in words]
    if values[0] < 1:
        raise InputError(f"{path}:{number}: expected a number of operations from 1, found {values[0]}")
    route, place = [], 1
    for operation in range(values[0]):
        count = values[place] if place < len(values) else 0
        pairs = values[place + 1 : place + 1 + 2 * count]
        if count < 1 or len(pairs) < 2 * count:
            raise InputError(
                f"{path}:{number}: operation {operation + 1} of {values[0]}: expected a number of machines and as many "
                "pairs 'machine duration'"
            )
        options = list(zip(pairs[::2], pairs[1::2], strict=True))
        for machine, duration in options:
            if not 0 <= machine <= machines:
                raise InputError(f"{path}:{number}: expected machines 1..{machines}, found {machine}")
            if not 0 <= duration < LARGEST_TIME:
                raise InputError(f"{path}:{number}: expected durations 0..{LARGEST_TIME - 1}, found {duration}")
        if len({machine for machine, _ in options}) < count:
            raise InputError(f"{path}:{number}: operation {operation + 1} names a machine twice")
        route.append(options)
        place += 1 + 2 * count
    if place != len(values) or not route:
        raise InputError(f"{path}:{number}: expected {values[0]} operations, found {len(values) - place} numbers more")
    return route


def whole_number(path: Path, number: int, word: str) -> int:
    """The whole number that a word is. InputError if it is none."""
    try:
        return int(word)
    except ValueError:
        raise InputError(f"{path}:{number}: expected whole numbers, found {word[:60]!r}") from None
