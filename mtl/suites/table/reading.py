"""A file of rows and columns as a data frame; whatever is wrong with the file is said in one line."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import feather, parquet

from mtl.errors import InputError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
TEXT = (".csv", ".tsv", ".txt")
BINARY = (".parquet", ".pq", ".arrow", ".feather")


def read_table(path: Path, separator: str = ",", encoding: str = "utf-8", missing: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of a CSV, Parquet or Arrow file, by its suffix.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``), ``.parquet`` or ``.arrow``.
        separator: between two values of a text file; a ``.tsv`` has tabs.
        encoding: of a text file.
        missing: texts that mean "no value", beside an empty cell, ``NA``, ``NaN``, ``null`` and the like.

    Raises:
        InputError: no such file, empty, another format, a column twice, the wrong separator or encoding, no rows.
    """
    path = path.expanduser()
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:5] if path.parent.is_dir() else []
        raise InputError(f"task.path: no file '{path}'" + (f"; beside it: {', '.join(near)}" if near else ""))
    if not path.stat().st_size:
        raise InputError(f"'{path}' is empty")
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() in BINARY:
        frame = _binary(path, suffix.lower())
    elif suffix.lower() in TEXT:
        frame = _text(path, "\t" if suffix.lower() == ".tsv" else separator, encoding, missing)
    else:
        raise InputError(f"task.path: cannot read '{path.name}': expected {', '.join([*TEXT, *BINARY])}")
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
        reader = parquet.read_table if suffix in (".parquet", ".pq") else feather.read_table
        table = reader(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"'{path}' is damaged or no {suffix} file: {' '.join(str(error).split())[:120]}") from None
    unique(table.column_names, path)
    return table.to_pandas()


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
    except UnicodeDecodeError as error:
        raise InputError(
            f"'{path}' is no {encoding} text (byte {error.start}): name its encoding, e.g. task.encoding=latin-1"
        ) from None
    except LookupError:
        raise InputError(f"task.encoding={encoding}: unknown; expected e.g. utf-8, latin-1, cp1252") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"'{path}' is empty") from None
    except (pd.errors.ParserError, csv.Error, ValueError) as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise InputError(
            f"'{path}' cannot be read with {SEPARATORS.get(separator, repr(separator))} between values: {reason[:120]}"
        ) from None


def check_separator(names: list[str], path: Path, separator: str) -> None:
    """InputError if the header is one name in which another separator occurs."""
    found = [other for other in SEPARATORS if len(names) == 1 and other != separator and other in names[0]]
    if found:
        best = max(found, key=names[0].count)
        raise InputError(
            f"'{path}' has one column only, whose name holds a {SEPARATORS[best]}: "
            f"use task.separator={'tab' if best == chr(9) else repr(best)}"
        )
