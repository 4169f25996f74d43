"""A CSV table of downtimes: a row for each time in which a machine does not work."""

from collections.abc import Sequence
from pathlib import Path

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Downtime, Name
from mtl.suites.scheduling.formats.csv_rows import csv_rows
from mtl.suites.scheduling.formats.own_shop import machine_number, whole
from mtl.suites.scheduling.formats.text_file import read_text

COLUMNS = ("machine", "start", "end")


def read_downtimes(path: Path, machines: Sequence[Name]) -> tuple[Downtime, ...]:
    """Read a table with the columns machine, start and end.

    Args:
        path: of the file.
        machines: names of the shop's machines.

    Returns:
        The downtimes.

    Raises:
        InputError: there is no such file, or a row is no downtime of these machines (file, line, what was expected).
    """
    found = []
    for where, cells in csv_rows(path, read_text(path, "downtime file"), COLUMNS):
        for name in COLUMNS:
            if not cells[name]:
                raise InputError(f"{where}: downtime without {'an end' if name == 'end' else f'a {name}'}")
        start, end = (whole(where, name, cells[name]) for name in ("start", "end"))
        if end <= start:
            raise InputError(f"{where}: downtime from {start} to {end}, expected an end after the start")
        found.append(Downtime(machine_number(where, cells["machine"], machines), start, end))
    return tuple(found)
