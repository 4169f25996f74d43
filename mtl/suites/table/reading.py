"""A file of rows and columns as a data frame; whatever is wrong with the file is said in one line."""

import csv
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import feather, parquet

from mtl.errors import InputError, unknown

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how such texts begin
TEXT = (".csv", ".tsv", ".txt")
BINARY = (".parquet", ".pq", ".arrow", ".feather")


def read_table(
    path: Path,
    separator: str = ",",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    option: str = "task.path",
) -> pd.DataFrame:
    """The rows of a CSV, Parquet or Arrow file, by its suffix.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``), ``.parquet`` or ``.arrow``.
        separator: between two values of a text file, one character or its name in :data:`SEPARATORS` (for a shell and
            a config, a semicolon is hard to quote); a ``.tsv`` has tabs.
        encoding: of a text file.
        missing: texts that mean "no value", beside an empty cell, ``NA``, ``NaN``, ``null`` and the like.
        option: what named the file, for messages.

    Returns:
        The rows.

    Raises:
        InputError: no such file, empty, another format, a column twice, the wrong separator or encoding, no rows.
    """
    missing = [missing] if isinstance(missing, str) else missing  # one text, not its letters
    path = path.expanduser()
    if path.is_dir():
        raise InputError(f"{option}: '{path}' is a folder, expected a file")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:5] if path.parent.is_dir() else []
        raise InputError(f"{option}: no file '{path}'" + (f"; beside it: {', '.join(near)}" if near else ""))
    if not path.stat().st_size:
        raise InputError(f"'{path}' is empty")
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() in BINARY:
        frame = _binary(path, suffix.lower())
    elif suffix.lower() in TEXT:
        frame = _text(path, "\t" if suffix.lower() == ".tsv" else character(separator), encoding, missing)
    else:
        raise InputError(f"{option}: cannot read '{path.name}': expected {', '.join([*TEXT, *BINARY])}")
    frame.columns = [str(name) for name in frame.columns]
    unique(list(frame.columns), path)
    if frame.empty:
        raise InputError(f"'{path}' has no rows")
    return frame.reset_index(drop=True)


def unique(names: list[str], path: Path) -> None:
    """InputError for the first column name that occurs twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        raise InputError(f"'{path}' has the column '{twice[0]}' more than once: columns {', '.join(places)}")


def _binary(path: Path, suffix: str) -> pd.DataFrame:
    try:
        if suffix in (".parquet", ".pq"):
            with parquet.ParquetFile(path) as file:
                table = file.read()
        else:
            table = feather.read_table(path)
    except PermissionError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"'{path}' is damaged or no {suffix} file: {one_line(error)}") from None
    unique(table.column_names, path)
    return plain(table)


def plain(table: pyarrow.Table | pyarrow.RecordBatch) -> pd.DataFrame:
    """An Arrow table as a frame of single values: lists and records become texts."""
    frame = table.to_pandas()
    for field in table.schema:
        if pyarrow.types.is_nested(field.type):
            frame[field.name] = frame[field.name].map(str, na_action="ignore")
    return frame


def character(separator: str) -> str:
    """The character that a separator's name means. InputError if it is neither a name nor one character."""
    named = {name: sign for sign, name in SEPARATORS.items()} | {"\\t": "\t"}
    if len(separator) != 1 and separator not in named:
        raise unknown("separator in task.separator", separator, SEPARATORS.values())
    return named.get(separator, separator)


def _text(path: Path, separator: str, encoding: str, missing: Sequence[str]) -> pd.DataFrame:
    try:
        # The header first: pandas would rename a second column of the same name
        head = pd.read_csv(
            path, sep=separator, encoding=encoding, header=None, nrows=1, dtype=str, keep_default_na=False
        )
        names = [str(name) for name in head.iloc[0]]
        check_separator(names, path, separator)
        unique(names, path)
        return pd.read_csv(path, sep=separator, encoding=encoding, na_values=list(missing), low_memory=False)
    except UnicodeError:
        likely = "utf-16" if path.read_bytes()[:2] in UTF_16 else "latin-1"
        raise InputError(
            f"'{path}' is no {encoding} text{first_unreadable(path, encoding)}: name its encoding, e.g. "
            f"task.encoding={likely}"
        ) from None
    except LookupError:
        raise InputError(f"task.encoding={encoding}: unknown; expected e.g. utf-8, latin-1, cp1252") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"'{path}' is empty") from None
    except PermissionError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"'{path}' is damaged or not compressed as its name says: {one_line(error)}") from None
    except (pd.errors.ParserError, csv.Error, ValueError) as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise InputError(
            f"'{path}' cannot be read with {SEPARATORS.get(separator, repr(separator))} between values: {reason[:120]}"
        ) from None


def one_line(error: Exception) -> str:
    """The beginning of a message, without line breaks."""
    return " ".join(str(error).split())[:120]


def first_unreadable(path: Path, encoding: str) -> str:
    """In which line a text stops to be one, in brackets; empty if that cannot be said."""
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return f" (line {content[: error.start].count(10) + 1})"
    except UnicodeError:
        return ""
    return ""


def check_separator(names: list[str], path: Path, separator: str) -> None:
    """InputError if the header is one name in which another separator occurs."""
    found = [other for other in SEPARATORS if len(names) == 1 and other != separator and other in names[0]]
    if found:
        best = max(found, key=names[0].count)
        raise InputError(
            f"'{path}' has one column only, whose name holds a {SEPARATORS[best]}: "
            f"use task.separator={SEPARATORS[best]}"
        )
