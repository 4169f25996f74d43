"""A file of rows and columns as a data frame; whatever is wrong with the file is said in one line."""

import csv
import re
import zlib
from collections import Counter
from collections.abc import Sequence, Set
from lzma import LZMAError
from math import isnan
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow
from pandas.api.types import infer_dtype, is_bool_dtype, is_numeric_dtype, is_object_dtype, is_timedelta64_dtype
from pyarrow import compute, feather, parquet

from mtl.config.home import expanded
from mtl.errors import InputError, unknown
from mtl.suites.table.dataset_folder import is_dataset, named, read_dataset
from mtl.suites.table.delimited import NUMBER, SEPARATORS, read_cells, spoken
from mtl.suites.table.excel import read_sheet
from mtl.suites.table.file_encoding import likely_encoding
from mtl.suites.table.json_times import read_json, with_zones_of_times
from mtl.suites.table.nested import texts_of_nested
from mtl.suites.table.objects import array_of
from mtl.suites.table.packed import open_bytes, plain_suffix
from mtl.suites.table.partitions import PARQUET, parts_of, with_values
from mtl.suites.table.stacking import stacked, stored_as
from mtl.suites.table.types import is_text

TEXTS, NOTES = "texts", "notes"  # attributes of a frame: see as_text
QUOTES = {  # what Python's reader of CSV says of them
    "unexpected end of data": "EOF inside string: a quote is not closed",
}
SAMPLE = 1 << 20  # bytes from which one guesses what a file is
OTHERS = {  # how files that are no texts begin
    b"PK\x03\x04": "an Excel file or an archive: name it .xlsx or .zip",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x1f\x8b": "a compressed file: name it .gz",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save it as .xlsx",
}
VERSIONED = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}  # folders that say which files of a table are its rows
IN_FILES = ("time", "timedelta", "bytes", "decimal")  # objects that a file has a type for, and reading another one
OF_FILES = (list, tuple, dict, np.ndarray, memoryview)  # such as pandas has no word for
LARGE = 2**63  # from which on whole numbers have no type
LONG = re.compile(rb"[:\[,\s]-?(\d{19,})\s*[,}\]]")  # a whole number in JSON that may have more than 64 bits
MIXED = re.compile(r"Column\(/(.+)\) changed from (\w+) to (\w+) in row")  # as the reader of JSON says it
WHOLE = {  # pandas' types for whole numbers some of which may be missing
    getattr(pyarrow, f"{sign}int{bits}")(): getattr(pd, f"{sign.upper()}Int{bits}Dtype")()
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
TABBED = ".tsv"  # has tabs between its values, whatever is said of text files
TEXT = (".csv", TABBED, ".txt")
JSON = (".jsonl", ".ndjson")
BINARY = (*PARQUET, ".arrow", ".feather", *JSON)
EXCEL = ".xlsx"


def read_table(
    path: Path,
    separator: str = ",",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    header: bool | None = None,
    skip: int = 0,
    sheet: str | None = None,
    option: str = "task.path",
) -> pd.DataFrame:
    """The rows of a CSV, Excel, JSON-lines, Parquet or Arrow file, by its suffix, or of a folder.

    The cells of a text file and of an Excel sheet are texts, as :func:`as_text` marks them; what they mean is fitted,
    written down and repeated by :class:`~mtl.suites.table.types.ColumnType`.

    Args:
        path: ``.csv``, ``.tsv``, ``.txt``, ``.xlsx``, ``.jsonl``, ``.parquet`` or ``.arrow``, each also ``.gz``,
            ``.xz``, ``.bz2`` or alone in a ``.zip``; or a folder whose ``.parquet`` files have the same columns, or
            that the library ``datasets`` saved.
        separator: between two values of a text file, one character or its name in :data:`SEPARATORS` (for a shell and
            a config, a semicolon is hard to quote); a ``.tsv`` has tabs.
        encoding: of a text file.
        missing: texts that mean "no value" in every column, beside an empty cell; of a typed column of numbers the
            numbers that they are; among numbers and times of a text file ``NA``, ``NaN``, ``null`` and the like do so
            anyway.
        header: of a text file, whether its first row has the names of the columns; None: it must not look like values.
        skip: lines of a text file, or rows of a sheet, before the table.
        sheet: of an Excel file; None: the first one.
        option: what named the file, for messages.

    Returns:
        The rows.

    Raises:
        InputError: no such file, empty, another format, a column twice, the wrong separator or encoding, no rows.
    """
    missing = missing_texts(missing)
    if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
        raise InputError(f"task.skip={skip}: expected a number of lines, 0 or more")
    if header not in (None, True, False):
        raise InputError(f"task.header={header}: expected true, false or null")
    for name, given in (("separator", separator), ("encoding", encoding)):
        if not isinstance(given, str):
            raise InputError(f"task.{name}={given}: expected a text")
    path = expanded(path)
    if sheet is not None and (path.is_dir() or plain_suffix(path) != EXCEL):
        raise InputError(f"task.sheet={sheet} is for Excel files, and '{path.name}' is none")
    if path.is_dir():
        frame = _dataset(path, option) if is_dataset(path) else _parts(path, option)
    else:
        frame = _file(path, separator, encoding, missing, header, skip, sheet, option)
    if frame.empty:
        raise InputError(f"'{path}' has no rows")
    return (frame if frame.attrs.get(TEXTS) else without_texts(frame, missing)).reset_index(drop=True)


def no_file(path: Path) -> str:
    """What is said of a file that is not there; of a relative path also from where, which may not be where it was."""
    return f"no file '{path}'" + ("" if path.is_absolute() else f" in '{Path.cwd()}'")


def _file(
    path: Path,
    separator: str,
    encoding: str,
    missing: Sequence[str],
    header: bool | None,
    skip: int,
    sheet: str | None,
    option: str,
) -> pd.DataFrame:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:5] if path.parent.is_dir() else []
        raise InputError(f"{option}: {no_file(path)}" + (f"; beside it: {', '.join(near)}" if near else ""))
    if not path.stat().st_size:
        raise InputError(f"'{path}' is empty")
    suffix = plain_suffix(path)
    if suffix in BINARY:
        frame = _binary(path, suffix)
    elif suffix in TEXT:
        frame = _text(path, "\t" if suffix == TABBED else character(separator), encoding, missing, header, skip)
    elif suffix == EXCEL:
        with open_bytes(path) as content:
            cells, notes = read_sheet(content, path, sheet, header, skip)
        frame = _without(cells, missing, path, notes)
    else:
        raise InputError(f"{option}: cannot read '{path.name}': expected {', '.join([*TEXT, EXCEL, *BINARY])}")
    frame.columns = [str(name) for name in frame.columns]
    unique(list(frame.columns), path)
    return frame


def unique(names: list[str], path: Path) -> None:
    """InputError for the first column name of a file that occurs twice."""
    unique_names(names, f"'{path}'")


def unique_names(names: list[str], what: str) -> None:
    """InputError for the first column name that occurs twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        raise InputError(f"{what} has the column '{twice[0]}' more than once: columns {', '.join(places)}")


def _binary(path: Path, suffix: str) -> pd.DataFrame:
    try:
        with open_bytes(path) as content:
            if suffix in PARQUET:
                table = parquet.ParquetFile(content).read()
            elif suffix in JSON:
                table = read_json(content)
                _check_rounding(table, path)
            else:
                table = feather.read_table(content)
    except PermissionError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except (pyarrow.ArrowException, OSError, EOFError, zlib.error, LZMAError) as error:
        mixed = MIXED.search(str(error)) if suffix in JSON else None
        if mixed:
            raise InputError(
                f"'{path}': column '{mixed[1]}' holds values of two types, {mixed[2]} and {mixed[3]}: write all of "
                "them as texts, or those that are not known as null"
            ) from None
        raise InputError(f"'{path}' is damaged or no {suffix} file: {one_line(error)}") from None
    unique(table.column_names, path)
    if suffix not in JSON:
        return plain(table)
    with open_bytes(path) as content:
        table, notes = with_zones_of_times(table, content)
    frame = plain(table)
    frame.attrs[NOTES] = notes
    return frame


def _check_rounding(table: pyarrow.Table, path: Path) -> None:
    """InputError for whole numbers of more than 64 bits, which the reader of JSON takes for floating ones."""
    for field in table.schema:
        if not pyarrow.types.is_floating(field.type) or not table.num_rows:
            continue
        largest = compute.max(compute.abs(table[field.name])).as_py()
        if largest is None or not LARGE <= largest < float("inf"):
            continue
        with open_bytes(path) as content:
            found = next((one[1] for one in LONG.finditer(content.read()) if int(one[1]) >= LARGE), None)
        if found:
            raise InputError(
                f"'{path}': column '{field.name}' has whole numbers that would be rounded, as {found.decode()}: write "
                "them as texts"
            )


def _dataset(folder: Path, option: str) -> pd.DataFrame:
    table, classes = read_dataset(folder, option)
    unique(table.column_names, folder)
    frame = plain(table)
    for name, names in classes.items():
        frame[name] = named(frame[name], names)
    return frame


def _parts(folder: Path, option: str) -> pd.DataFrame:
    for name, what in VERSIONED.items():
        if (folder / name).is_dir():
            raise InputError(
                f"{option}: '{folder}' is a table of {what}, whose files may hold rows that were changed or removed "
                "since: save the rows of the version that is wanted as .parquet"
            )
    parts = parts_of(folder, option)
    if not parts:
        raise InputError(f"{option}: '{folder}' is a folder, expected a file, or a folder of .parquet files")
    files = [part.file for part in parts]
    frames = [_binary(file, file.suffix.lower()) for file in files]
    for file, frame in zip(files, frames, strict=True):
        if list(frame.columns) != list(frames[0].columns):
            other = sorted(set(frame.columns) ^ set(frames[0].columns)) or ["the order"]
            raise InputError(f"'{file}' has other columns than '{files[0].name}': {', '.join(other[:5])}")
    frames = with_values(list(zip(parts, frames, strict=True)))
    # The types of a file without rows say nothing, and would change those of the others
    found = [(file, frame) for file, frame in zip(files, frames, strict=True) if len(frame)]
    for name in frames[0].columns:
        _check_alike([(file, stored_as(frame[name])) for file, frame in found], name)
    return stacked([frame for _, frame in found] or frames[:1]).reset_index(drop=True)


def _check_alike(found: Sequence[tuple[Path, str]], name: str) -> None:
    """InputError if files say different things of what the values of a column are."""
    known = [(file, what) for file, what in found if what]
    for file, what in known:
        if what != known[0][1]:
            raise InputError(f"'{file}': column '{name}' holds {what}, and in '{known[0][0].name}' {known[0][1]}")


def plain(table: pyarrow.Table | pyarrow.RecordBatch) -> pd.DataFrame:
    """An Arrow table as a frame of single values.

    Lists, records, bytes and UUIDs become texts, decimals numbers, durations and times of the day seconds; whole
    numbers stay whole, and true and false what they are, where some are missing. An index that pandas wrote is a column
    like any other.
    """
    table = _with_plain_dictionaries(
        pyarrow.Table.from_batches([table]) if isinstance(table, pyarrow.RecordBatch) else table
    )
    frame = table.to_pandas(ignore_metadata=True, types_mapper=WHOLE.get, date_as_object=False)
    for field in table.schema:
        if pyarrow.types.is_nested(field.type):
            frame[field.name] = texts_of_nested(table[field.name])
        elif _is_binary(field.type):
            frame[field.name] = _texts_of_bytes(frame[field.name])
        elif isinstance(field.type, pyarrow.UuidType):
            frame[field.name] = frame[field.name].map(_text_of_uuid, na_action="ignore").astype("str")
        elif pyarrow.types.is_decimal(field.type):
            frame[field.name] = _decimals(frame[field.name], field.type)
        elif pyarrow.types.is_duration(field.type):
            frame[field.name] = frame[field.name].dt.total_seconds()
        elif pyarrow.types.is_time(field.type):
            frame[field.name] = pd.to_timedelta(frame[field.name].astype("str")).dt.total_seconds()
        elif pyarrow.types.is_boolean(field.type) and table[field.name].null_count:
            frame[field.name] = frame[field.name].astype("boolean")
    return frame


def _with_plain_dictionaries(table: pyarrow.Table) -> pyarrow.Table:
    """The same values, bytes not by number, nothing by unsigned numbers, as Polars has them and pandas does not."""
    for place, field in enumerate(table.schema):
        if not pyarrow.types.is_dictionary(field.type):
            continue
        kind = pyarrow.dictionary(pyarrow.int64(), field.type.value_type, field.type.ordered)
        chunks = table.column(place).chunks
        if _is_binary(kind.value_type):
            decoded = pyarrow.chunked_array([chunk.dictionary_decode() for chunk in chunks], kind.value_type)
            table = table.set_column(place, field.name, decoded)
        elif pyarrow.types.is_unsigned_integer(field.type.index_type):
            signed = (chunk.indices.cast(kind.index_type) for chunk in chunks)
            numbered = [
                pyarrow.DictionaryArray.from_arrays(numbers, chunk.dictionary, ordered=kind.ordered)
                for numbers, chunk in zip(signed, chunks, strict=True)
            ]
            table = table.set_column(place, field.name, pyarrow.chunked_array(numbered, kind))
    return table


def as_in_file(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of a program as it would be read back from a Parquet file: durations are seconds, Arrow's types plain.

    Columns of the usual types stay as they are. Objects are what a query of a database would give for them.
    """
    objects = {
        name: array_of([None if _is_missing(value) else value for value in values])
        for name, values in frame.items()
        if is_object_dtype(values) and (infer_dtype(values, skipna=True) in IN_FILES or any(map(_is_of_files, values)))
    }
    typed = [
        name
        for name, values in frame.items()
        if isinstance(values.dtype, pd.ArrowDtype) or is_timedelta64_dtype(values)
    ]
    if not objects and not typed:
        return frame
    table = pyarrow.Table.from_pandas(frame[typed], preserve_index=False)
    arrays = {**dict(zip(typed, table.columns, strict=True)), **objects}
    found = plain(pyarrow.table({str(name): array for name, array in arrays.items()})).set_axis(frame.index)
    return frame.assign(**{str(name): found[str(name)] for name in arrays})


def _is_of_files(value: object) -> bool:
    return isinstance(value, OF_FILES)


def _is_missing(value: object) -> bool:
    return value is pd.NaT or value is pd.NA or (isinstance(value, float) and isnan(value))


def _decimals(values: pd.Series, kind: pyarrow.DataType) -> pd.Series:
    if kind.scale > 0:
        return values.astype("float64")
    whole = values.map(int, na_action="ignore")  # amounts in whole units, and identifiers
    if any(abs(value) >= LARGE for value in whole.dropna()):  # no type of numbers tells these apart
        return whole.map(str, na_action="ignore").astype("str")
    return whole.astype("Int64")


def _is_binary(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    each = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(is_one(kind) for is_one in each)


def _texts_of_bytes(values: pd.Series) -> pd.Series:
    """Bytes as the texts that they are in UTF-8, or each that is none in hexadecimal digits.

    What a value is must not depend on the others: a file is also read piece by piece, and new rows come by themselves.
    """
    return values.map(_text_of_bytes, na_action="ignore").astype("str")


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _text_of_uuid(value: bytes) -> str:
    return str(UUID(bytes=value))


def character(separator: str) -> str:
    """The character that a separator's name means. InputError if it is neither a name nor one character."""
    named = {name: sign for sign, name in SEPARATORS.items()} | {"\\t": "\t"}
    if len(separator) != 1 and separator not in named:
        raise unknown("separator in task.separator", separator, SEPARATORS.values())
    return named.get(separator, separator)


def _text(
    path: Path, separator: str, encoding: str, missing: Sequence[str], header: bool | None, skip: int
) -> pd.DataFrame:
    try:
        with open_bytes(path) as content:
            begin = content.read(SAMPLE)
        for mark, what in OTHERS.items():
            if begin.startswith(mark):
                raise InputError(f"'{path}' is {what}")
        frame, note = read_cells(path, separator, encoding, header, skip)
    except UnicodeError:
        raise InputError(
            f"'{path}' is no {encoding} text{first_unreadable(path, encoding)}: name its encoding, e.g. "
            f"task.encoding={likely_encoding(begin, encoding)}"
        ) from None
    except LookupError:
        raise InputError(f"task.encoding={encoding}: unknown; expected e.g. utf-8, latin-1, cp1252, gb18030") from None
    except PermissionError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except (OSError, EOFError, zlib.error, LZMAError) as error:
        raise InputError(f"'{path}' is damaged or not compressed as its name says: {one_line(error)}") from None
    except csv.Error as error:
        raise InputError(
            f"'{path}' cannot be read with {spoken(separator)} between values: {QUOTES.get(str(error), error)}"
        ) from None
    return _without(frame, missing, path, [note])


def _without(frame: pd.DataFrame, missing: Sequence[str], path: Path, notes: Sequence[str]) -> pd.DataFrame:
    """The texts of a file, those that mean "no value" taken away. InputError for no column, or a column twice."""
    if not len(frame.columns):
        raise InputError(f"'{path}' is empty")
    unique(list(frame.columns), path)
    return as_text(without_texts(frame, missing), *notes)


def missing_texts(given: object) -> list[str]:
    """The texts that mean "no value" as a config gives them: a list or one of them, numbers as they are typed.

    InputError if it gives something else.
    """
    several = isinstance(given, Sequence | Set) and not isinstance(given, str)
    listed: Any = given if several else [given]
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise InputError(f'task.missing={given}: expected texts, such as \'task.missing=["?","n/k"]\'')
    return [str(one) for one in listed]


def without_texts(frame: pd.DataFrame, missing: Sequence[str]) -> pd.DataFrame:
    """The rows without those texts that mean "no value", and in columns of numbers without those that they are."""
    numbers = [float(text) for text in missing if NUMBER.fullmatch(text)]
    for name in frame.columns if missing else ():
        if is_text(frame[name]):
            frame[name] = frame[name].mask(frame[name].isin(list(missing)))
        elif is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name]):
            found = frame[name].isin(numbers)
            frame[name] = frame[name].mask(found) if found.any() else frame[name]
    return frame


def as_text(frame: pd.DataFrame, *notes: str) -> pd.DataFrame:
    """Mark a frame as one of texts that say nothing about types, with notes for the user."""
    frame.attrs |= {TEXTS: True, NOTES: [note for note in notes if note]}
    return frame


def one_line(error: Exception) -> str:
    """The beginning of a message, without line breaks."""
    return " ".join(str(error).split())[:120]


def first_unreadable(path: Path, encoding: str) -> str:
    """In which line a text stops to be one, in brackets; empty if that cannot be said."""
    with open_bytes(path) as file:
        content = file.read()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return f" (line {content[: error.start].count(10) + 1})"
    except UnicodeError:
        return ""
    return ""
