"""Text files of job shops: pairs of machine and duration, or the two matrices of Taillard."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Name
from mtl.suites.scheduling.formats.idle_machines import check_idle
from mtl.suites.scheduling.instance import LARGEST_TIME, JobShop, from_routes

INTEGER = re.compile(r"[+-]?\d{1,4000}")  # Python reads no number of more digits than 4300
NAMED = re.compile(r"\s*instance\s+(\S+)\s*$", re.IGNORECASE)
SECTION = re.compile(r"\s*(times|machines)\s*$", re.IGNORECASE)  # before each matrix of a file of Taillard
DAY = re.compile(r"\d+(?:[-/.:]\d+){2,}|\d+:\d+")  # within words, or a time of the day, or a version
NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")  # within words, such as 10x5


class Line(NamedTuple):
    """A line of numbers.

    Attributes:
        number: of the line in the file, from 1.
        values: on it.
    """

    number: int
    values: list[int]


class Block(NamedTuple):
    """What a file says of one instance.

    Attributes:
        name: in the captions before it, if there is one.
        lines: the numbers; the first line is the head.
        captions: words and comments before it.
    """

    name: str | None
    lines: list[Line]
    captions: list[str]


def parse_text(path: Path, text: str) -> list[JobShop]:
    """Read one or several instances of a text file. Each begins with a line ``jobs machines``.

    Two formats follow it. *Pairs*, the standard one of the literature and of the OR-Library: a line per job with pairs
    ``machine duration`` in the order of its route. *Matrices*, that of Taillard: a line per job with its durations,
    then a line per job with its machines, each a permutation; the first line may go on with two seeds, an upper and a
    lower bound. Machines are numbered from 0 or from 1; in the latter case their names are these numbers. Empty lines,
    what follows a ``#`` at the beginning of a line or after its numbers, and captions before an instance and after the
    last one are skipped. Where only a caption says how many jobs and machines there are, the file is refused, as the
    line of the first job would be taken for that line.

    Args:
        path: for messages and for the name of the instance.
        text: content of the file.

    Returns:
        The instances. A single one is called like the file; of several each like its caption ``instance <name>``,
        without one like the file with a number.

    Raises:
        InputError: a malformed line (file, line number, what was expected).
    """
    blocks = list(split_blocks(path, text))
    for block in blocks:
        check_head(path, block)
    if not blocks:
        found = "no line of whole numbers: a table ends with .csv, JSON with .json" if text.strip() else "an empty file"
        raise InputError(f"{path}:1: expected 'jobs machines', found {found}")
    if len(blocks) == 1:
        return [parse_block(path, path.stem, blocks[0].lines)]
    return [
        parse_block(path, block.name or f"{path.stem}-{number}", block.lines) for number, block in enumerate(blocks, 1)
    ]


def split_blocks(path: Path, text: str) -> Iterator[Block]:
    """The instances of a file; words end one, except the two that stand before Taillard's matrices."""
    name: str | None = None
    lines: list[Line] = []
    captions: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or SECTION.match(line):
            continue
        if words[0].startswith("#"):
            if not lines:
                captions.append(line)
            continue
        before = line.partition("#")[0].split()
        if all(INTEGER.fullmatch(word) for word in before):
            words = before  # numbers with a comment
        if all(INTEGER.fullmatch(word) for word in words):
            lines.append(Line(number, [int(word) for word in words]))
            continue
        if lines:
            if not complete(lines):  # a word within an instance is a mistake, not a caption
                raise InputError(f"{path}:{number}: expected whole numbers, found {line.strip()[:60]!r}")
            yield Block(name, lines, captions)
            name, lines, captions = None, [], []
        captions.append(line)
        if all(INTEGER.fullmatch(word) for word in words[:2]) and len(words) > 1:
            # As a caption the head of an instance would be passed over, and a line of a job taken for it
            raise InputError(
                f"{path}:{number}: expected whole numbers, or a caption that begins with words, found "
                f"{line.strip()[:60]!r}; a comment begins with #"
            )
        named = NAMED.match(line)
        if named:
            name = named[1]
    if lines:
        yield Block(name, lines, captions)


def check_head(path: Path, block: Block) -> None:
    """InputError where the first line of numbers is that of a job, as only the words before say how many there are.

    So it is where two numbers that follow each other in these words fit the lines as jobs and machines, and no two of
    them are those of the first line. Machines stand first where the word does. Days and times in the words are no
    sizes, and where the first line says itself what follows it, words change nothing.

    Args:
        path: for the message.
        block: what the file says of one instance.
    """
    if is_head(block.lines):
        return
    words = DAY.sub(" ", " ".join(block.captions).lower())
    values = [float(number) for number in NUMBER.findall(words)]
    first_machines = 0 <= words.find("machine") < words.find("job")
    sizes = [pair[::-1] if first_machines else pair for pair in pairwise(values)]
    number, head = block.lines[0]
    if tuple(head[:2]) in sizes:
        return
    for jobs, machines in sizes:
        if fits(block.lines, jobs, machines):
            size, said = f"{jobs:g} {machines:g}", f"the words before it say {jobs:g} and {machines:g}"
            raise InputError(
                f"{path}:{number}: expected 'jobs machines' (two positive numbers alone), found {head}, which may be "
                f"the line of a job: {said}. Write '{size}' above it, or these words without numbers"
            )


def is_head(lines: Sequence[Line]) -> bool:
    """Whether the first line is surely none of a job: by it all others are routes to each machine once, or matrices."""
    (_, head), body = lines[0], lines[1:]
    if len(head) not in (2, 6) or any(len(values) == len(head) for _, values in body):
        return False
    jobs, machines = head[:2]
    if len(body) == jobs:
        return all(sorted(values[::2]) in (list(range(machines)), list(range(1, machines + 1))) for _, values in body)
    return len(body) == 2 * jobs and all(len(values) == machines for _, values in body)


def fits(lines: Sequence[Line], jobs: float, machines: float) -> bool:
    """Whether lines may be those of so many jobs, as pairs or matrices, without one that says how many there are."""
    if len(lines) == jobs:
        return all(
            len(values) % 2 == 0 and 0 <= min(values[::2]) <= max(values[::2]) <= machines for _, values in lines
        )
    return len(lines) == 2 * jobs and all(len(values) == machines for _, values in lines)


def complete(lines: Sequence[Line]) -> bool:
    """Whether as many lines follow the head as it says of either format."""
    return len(lines) - 1 in (lines[0].values[0], 2 * lines[0].values[0])


def parse_block(path: Path, name: str, lines: Sequence[Line]) -> JobShop:
    """One instance.

    Args:
        path: for messages.
        name: of the instance.
        lines: its numbers.

    Returns:
        The instance.

    Raises:
        InputError: a malformed line.
    """
    (number, head), body = lines[0], lines[1:]
    if len(head) not in (2, 6) or min(head[:2]) < 1:
        raise InputError(f"{path}:{number}: expected 'jobs machines' (two positive numbers), found {head}")
    jobs, machines = head[:2]
    if len(body) == 2 * jobs:
        routes = read_matrices(path, body, jobs, machines)
    elif len(body) == jobs:
        routes = [read_pairs(path, line, machines) for line in body]
    else:
        last = body[jobs].number if len(body) > jobs else lines[-1].number
        raise InputError(
            f"{path}:{last}: expected {jobs} job lines after the first line, or twice as many of two matrices, "
            f"found {len(body)}"
        )
    check_idle(f"{path}:{number}", machines, sum(map(len, routes)))
    seen = {place for route in routes for place, _ in route}
    names: tuple[Name, ...] = tuple(range(machines))
    if machines in seen:  # numbered from 1, as machine numbers end with it
        if 0 in seen:
            raise InputError(
                f"{path}:{body[0].number}: machines are numbered from 0 and from 1: expected 0..{machines - 1} or "
                f"1..{machines}"
            )
        routes = [[(place - 1, duration) for place, duration in route] for route in routes]
        names = tuple(range(1, machines + 1))
    upper, lower = head[4:] if len(head) == 6 else (None, None)
    return from_routes(name, routes, names, upper_bound=upper, lower_bound=lower)


def read_pairs(path: Path, line: Line, machines: int) -> list[tuple[int, int]]:
    """The route of a line of pairs; machines 0..M, as they may be numbered from 0 or 1."""
    number, values = line
    if len(values) % 2:
        raise InputError(
            f"{path}:{number}: expected pairs 'machine duration', an even number of numbers, found {len(values)}"
        )
    for machine in values[::2]:
        check_machine(path, number, machine, machines)
    for duration in values[1::2]:
        check_duration(path, number, duration)
    return list(zip(values[::2], values[1::2], strict=True))


def read_matrices(path: Path, body: Sequence[Line], jobs: int, machines: int) -> list[list[tuple[int, int]]]:
    """The routes of two matrices: durations, then machines."""
    for number, values in body:
        if len(values) != machines:
            raise InputError(
                f"{path}:{number}: expected {machines} numbers, as there are twice as many lines as jobs: durations, "
                f"then machines; found {len(values)}"
            )
    routes = []
    for durations, places in zip(body[:jobs], body[jobs:], strict=True):
        for duration in durations.values:
            check_duration(path, durations.number, duration)
        for machine in places.values:
            check_machine(path, places.number, machine, machines)
        if len(set(places.values)) < machines:
            raise InputError(f"{path}:{places.number}: expected each machine exactly once, found {places.values}")
        routes.append(list(zip(places.values, durations.values, strict=True)))
    return routes


def check_machine(path: Path, number: int, machine: int, machines: int) -> None:
    """InputError for a number that is no machine's, whether they are numbered from 0 or from 1."""
    if not 0 <= machine <= machines:
        raise InputError(f"{path}:{number}: expected machines 0..{machines - 1} or 1..{machines}, found {machine}")


def check_duration(path: Path, number: int, duration: int) -> None:
    """InputError for a duration that is negative or too large."""
    if duration < 0:
        raise InputError(f"{path}:{number}: durations must not be negative, found {duration}")
    if duration >= LARGEST_TIME:
        raise InputError(f"{path}:{number}: durations must be below {LARGEST_TIME}, found {duration}")
