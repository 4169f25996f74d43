"""Rows of CSV tables by column, with the line that each stands on."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtl.errors import InputError, absent, suggestion

SEPARATORS = (",", ";", "\t")


def csv_rows(
    path: Path, text: str, needed: Sequence[str], optional: Sequence[str] = (), hint: str = ""
) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table. The separator is a comma, a semicolon or a tab; empty lines are passed over.

    Args:
        path: for messages.
        text: content of the file.
        needed: names of columns.
        optional: names of further columns that may be there.
        hint: ends the message about an unknown column.

    Yields:
        tuple[str, dict[str, str]]: where the row stands, and its cells by column.

    Raises:
        InputError: a column is missing, there twice or not known, a row has too few or too many cells, or a quote is
            not closed.
    """
    lines = list(io.StringIO(text, newline=""))  # a name in quotes may hold an end of a line, and keeps it
    if not lines or not lines[0].strip():
        raise InputError(f"{path}:1: expected the columns {', '.join(needed)}, found an empty line")
    separator = max(SEPARATORS, key=lines[0].count)
    rows = cells_by_line(path, lines, separator)
    head = [name.strip().lower() for name in next(rows)[1]]
    check_columns(path, head, needed, optional, hint)
    for where, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(head):
            raise InputError(f"{where}: expected {len(head)} cells, found {len(row)}")
        yield where, dict(zip(head, (cell.strip() for cell in row), strict=True))


def cells_by_line(path: Path, lines: Sequence[str], separator: str) -> Iterator[tuple[str, list[str]]]:
    """The cells of each row, and where it begins. InputError for a quote that is not closed."""
    reader, begin = csv.reader(lines, delimiter=separator, strict=True), 1
    try:
        for row in reader:
            yield f"{path}:{begin}", row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{begin}: a quote is not closed, or goes on after its end ({error})") from None


def check_columns(path: Path, head: list[str], needed: Sequence[str], optional: Sequence[str], hint: str) -> None:
    """InputError if a column is missing, there twice, or not known."""
    known = [*needed, *optional]
    for name in known:
        if head.count(name) > 1:
            raise InputError(f"{path}:1: the column {name} is there twice")
    for name in needed:
        if name not in head:
            raise absent(f"{path}:1: column", name, head)
    for name in head:
        if name not in known:
            near, _ = suggestion(name, known)
            raise InputError(f"{path}:1: unknown column '{name}': {near}known: {', '.join(known)}{hint}")
