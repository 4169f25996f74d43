"""The cells of a text file as they stand: which value belongs to which column, and nothing about what it means."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from mtl.errors import InputError
from mtl.suites.table.packed import open_text, plain_suffix

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
PIECE = 50_000  # rows that are lists of Python at a time
OFTEN = 2  # times in each name, from which on a sign in names is taken for the separator
LOOK = 20  # rows that are looked at to find out where the header is
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
EXCEL = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # a first line by which Excel tells the separator
MARK = "\ufeff"  # at the beginning of a text in Unicode, belongs to no name
MISREAD = "\u00ef\u00bb\u00bf"  # the mark of UTF-8, read as latin-1 or alike


@dataclass
class Lines:
    """The lines of a text, counted, without those at the beginning that are no rows.

    Attributes:
        source: the text.
        skip: lines to leave out.
        number: lines that were read, with those left out.
        ended: whether the last line that was read has an end.
        blank: whether it has nothing but spaces.
    """

    source: Iterable[str]
    skip: int = 0
    number: int = 0
    ended: bool = True
    blank: bool = True
    _lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = iter(self.source)
        for _ in islice(self._lines, self.skip):
            self.number += 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if self.number == 1:
            if line.startswith(MISREAD):
                raise csv.Error("it begins with the mark of UTF-8: use task.encoding=utf-8")
            line = line.removeprefix(MARK)
        if "\0" in line:
            raise csv.Error(
                f"line {self.number} holds a NUL, as no text does: a UTF-16 one may need task.encoding=utf-16-le"
            )
        self.ended = line.endswith(("\n", "\r"))
        self.blank = not line.strip()
        return line


def read_cells(path: Path, separator: str, encoding: str, header: bool | None, skip: int) -> tuple[pd.DataFrame, str]:
    """The cells of a text file as texts, without the spaces around them; an empty cell is missing.

    A separator at the end of every row is none between two values. An Excel line ``sep=;`` is followed.

    Args:
        path: the file.
        separator: one character.
        encoding: of the text.
        header: whether the first row has the names of the columns; None: it has, and must not look like values.
        skip: lines before the header.

    Returns:
        The rows, and a note for the user, which may be empty.

    Raises:
        InputError: a row that has more or fewer values than there are columns; no header; another separator.
        csv.Error: a quote that is not closed, or followed by something else than a separator.
    """
    separator, skip = _told_by_excel(path, separator, encoding, skip)
    with open_text(path, encoding) as file:
        first = list(islice(_rows(Lines(file, skip), separator), LOOK))
    if not first:
        return pd.DataFrame(), ""
    names = column_names(first[0][1], path, header)
    if separator == " ":
        _check_aligned(first, path, header)
    if header is not False:
        _check_separator(names, path, separator, SEPARATORS.keys() - {" "}, header)
        check_preamble(first, path)
        _check_separator(names, path, separator, SEPARATORS.keys(), header)
    with open_text(path, encoding) as file:
        lines = Lines(file, skip)
        rows = _rows(lines, separator)
        if header is not False:
            next(rows)
        frame = frame_of(rows, names, f"'{path}' cannot be read with {spoken(separator)} between values")
    cut = f"'{path}': the last line has no end; if the file was cut off, so was the last value"
    return frame, "" if lines.ended else cut


def _told_by_excel(path: Path, separator: str, encoding: str, skip: int) -> tuple[str, int]:
    with open_text(path, encoding) as file:
        found = EXCEL.fullmatch(next(Lines(file, skip), "")[:20])
    return (found[1], skip + 1) if found else (separator, skip)


def _rows(lines: Lines, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line in which each begins; empty lines are none, an empty text in quotes is one."""
    begin = lines.number + 1
    for row in csv.reader(lines, delimiter=separator, skipinitialspace=separator != " ", strict=True):
        if len(row) > 1 or (row and not lines.blank):
            yield begin, row
        begin = lines.number + 1


def column_names(first: Sequence[str], path: Path, header: bool | None) -> list[str]:
    """Names of columns.

    Args:
        first: the first row.
        path: of the file, for messages.
        header: whether the row has the names; None: it has, and must not look like values.

    Returns:
        The names; made up where there are none.

    Raises:
        InputError: the row looks like values.
    """
    if header is False:
        return [f"column{i}" for i in range(1, len(first) + 1)]
    names = [name.strip() for name in first]
    filled = [name for name in names if name]
    values = [name for name in filled if NUMBER.fullmatch(name)]
    # Years and other whole numbers may be names of some columns, not of all
    if header is None and values and (len(values) == len(filled) or any(not name.isdigit() for name in values)):
        raise InputError(
            f"'{path}': the first row looks like values, not like names: '{values[0]}'; no header? Say "
            "task.header=false for columns named column1, column2, ..., or task.header=true if these are names"
        )
    return [name or f"Unnamed: {i}" for i, name in enumerate(names)]


def _check_separator(names: list[str], path: Path, separator: str, others: Set[str], header: bool | None) -> None:
    """InputError if the header is one name in which another separator occurs, or few in which one occurs often."""
    counts = {one: sum(name.count(one) for name in names) for one in SEPARATORS if one in others and one != separator}
    best = max(counts, key=lambda one: counts[one])
    # A .tsv has tabs whatever is said of text files
    advice = "name the file .csv, and use" if plain_suffix(path) == ".tsv" else "use"
    if len(names) == 1 and counts[best]:
        raise InputError(
            f"'{path}' has one column only, whose name holds a {spoken(best)}: {advice} task.separator={spoken(best)}"
        )
    if header is None and best != " " and counts[best] >= OFTEN * len(names):
        raise InputError(
            f"'{path}' has {len(names)} columns, whose names hold a {spoken(best)} {counts[best]} times: {advice} "
            f"task.separator={spoken(best)}, or task.header=true if these are names"
        )


def _check_aligned(first: list[tuple[int, list[str]]], path: Path, header: bool | None) -> None:
    """InputError for columns that are aligned by spaces, of which each separates two values.

    They are where all rows have as many values, and as they stand they would not, or the header would lack names. Two
    spaces may also have a missing value between them.
    """
    filled = [[place for place, cell in enumerate(row, 1) if cell.strip()] for _, row in first]
    values, widths = [len(places) for places in filled], [max(places, default=0) for places in filled]
    lacks_names = header is not False and widths[0] > values[0]
    if len(set(values)) > 1 or not (lacks_names or len(set(widths)) > 1):
        return
    line = next(line for (line, _), width, count in zip(first, widths, values, strict=True) if width > count)
    raise InputError(
        f"'{path}': line {line} has several spaces between two values, or before the first, and each counts as a "
        "separator: leave one between two values and none before them, or write commas"
    )


def check_preamble(first: list[tuple[int, list[str]]], path: Path) -> None:
    """InputError if the table begins below the first row: with rows that have more values, all of them as many."""
    widths = [_width(row) for _, row in first]
    begin = next((i for i, width in enumerate(widths) if width > widths[0]), len(first))
    if len(first) - begin > 2 and len(set(widths[begin:])) == 1:
        line = first[begin][0]
        unnamed = (
            " (or line 1 lacks the name of a column: then add it)"
            if (begin, widths[begin]) == (1, widths[0] + 1)
            else ""
        )
        raise InputError(
            f"'{path}': line {first[0][0]} has {_count(widths[0])} and the lines from {line} on have {widths[begin]}: "
            f"if the table begins there, say task.skip={line - 1}{unnamed}"
        )


def _width(row: list[str]) -> int:
    return len(row) - (len(row) > 1 and not row[-1].strip())


def _count(values: int) -> str:
    return f"{values} value" + "s" * (values != 1)


def spoken(separator: str) -> str:
    """The name of a separator."""
    return SEPARATORS.get(separator, repr(separator))


def frame_of(rows: Iterator[tuple[int, list[str]]], names: list[str], trouble: str) -> pd.DataFrame:
    """Rows of texts as a frame, without the spaces around them; an empty cell is missing.

    Args:
        rows: with the number of the line in which each begins.
        names: of the columns.
        trouble: how messages begin.

    Returns:
        The frame.

    Raises:
        InputError: a row that has more or fewer values than there are columns, or is the header once more.
    """
    pieces = []
    while piece := [_checked(line, row, len(names), trouble) for line, row in islice(rows, PIECE)]:
        pieces.append(pd.DataFrame(dict(enumerate(zip(*piece, strict=True))), dtype="str"))
    if not pieces:
        return pd.DataFrame({}, columns=names)
    frame = pd.concat(pieces, ignore_index=True)
    for place in frame.columns:
        texts = frame[place].str.strip()
        frame[place] = texts.mask(texts == "")
    frame.columns = pd.Index(names)
    again = np.flatnonzero(frame[names[0]] == names[0]) if len(names) > 1 and len(set(names)) == len(names) else ()
    for row in again:
        if frame.iloc[row].tolist() == names:
            raise InputError(f"{trouble}: row {row + 1} is the header once more, as where files were joined: remove it")
    return frame


def _checked(line: int, row: list[str], width: int, trouble: str) -> list[str]:
    if len(row) == width:
        return row
    if len(row) > width and not any(cell.strip() for cell in row[width:]):
        return row[:width]
    why = "a separator inside a value has to be in quotes" if len(row) > width else "was the file cut off there?"
    raise InputError(f"{trouble}: line {line} has {_count(len(row))}, where the header has {width}; {why}")
