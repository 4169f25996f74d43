"""Columns of other tables, found by a key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import (
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_numeric_dtype,
    is_unsigned_integer_dtype,
)

from mtl.errors import InputError, unknown
from mtl.suites.table.addresses import check_is_file
from mtl.suites.table.columns import composed, names
from mtl.suites.table.named import named_as
from mtl.suites.table.reading import NOTES, TEXTS
from mtl.suites.table.stacking import EXACT
from mtl.suites.table.typed_cells import PLAIN, TEXT, TIME, cells_of, with_cells

Read = Callable[[Path, str], pd.DataFrame]  # a file, and the option that names it
KEYS = ("path", "on", "how", "prefix")
EXAMPLE = "'task.join=[{path: airports.csv, on: airport}]'"


@dataclass(frozen=True)
class Join:
    """A table whose columns are put beside the rows of another one.

    Attributes:
        path: of its file.
        left, right: columns of the key, there and here.
        prefix: of the names that its columns get.
        option: for messages.
    """

    path: Path
    left: tuple[str, ...]
    right: tuple[str, ...]
    prefix: str
    option: str


def parse_joins(given: object, option: str = "task.join") -> list[Join]:
    """Joins from ``[{path, on, how, prefix}]`` of a config, ``on`` a column, several, or ``{there: here}``.

    Args:
        given: as the config has it.
        option: where it has it, for messages.

    Returns:
        The joins, in order.

    Raises:
        InputError: something else is there.
    """
    if given is None:
        return []
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InputError(f"{option}={given}: expected a list, such as {EXAMPLE}")
    return [_parse(entry, f"{option}[{number}]") for number, entry in enumerate(given)]


def _parse(entry: object, option: str) -> Join:
    if not isinstance(entry, Mapping) or not entry.get("path") or not entry.get("on"):
        raise InputError(f"{option}={entry}: expected a path and the columns of the key, such as {EXAMPLE}")
    for word in entry:
        if word not in KEYS:
            raise unknown(f"key of {option}", str(word), KEYS)
    if entry.get("how", "left") != "left":
        raise InputError(f"{option}.how={entry['how']}: expected left: every row of the first table stays")
    check_is_file(str(entry["path"]), f"{option}.path")
    on: Any = entry["on"]
    alone = isinstance(on, str) or not isinstance(on, Sequence)
    pairs = on if isinstance(on, Mapping) else dict(zip(*[[on] if alone else list(on)] * 2, strict=True))
    left, right = tuple(map(str, pairs)), tuple(map(str, pairs.values()))
    return Join(Path(str(entry["path"])), left, right, str(entry.get("prefix") or ""), option)


def join_all(frame: pd.DataFrame, joins: Sequence[Join], read: Read) -> pd.DataFrame:
    """The rows of a table with the columns of others beside them.

    A row without a partner has no values there. Keys are compared as texts. Where one of the tables is of a text file,
    the cells of all are taken as texts, and what they mean is fitted together.

    Args:
        frame: the rows.
        joins: what to put beside them. One all of whose columns are there already is left out.
        read: reads the file of a join.

    Returns:
        The rows, in their order.

    Raises:
        InputError: a column that is not there, a key that two rows have, a column that both have, no row has a partner.
    """
    for join in joins:
        frame = _join(frame, join, read(join.path, f"{join.option}.path"))
    return frame


def _join(left: pd.DataFrame, join: Join, right: pd.DataFrame) -> pd.DataFrame:
    left, right = named_as(left, join.left), named_as(right, join.right)
    for columns, found, where in ((join.left, left, "the rows"), (join.right, right, f"'{join.path}'")):
        for column in columns:
            if column not in found.columns:
                raise unknown(f"column of {where} in {join.option}.on", column, found.columns)
    added = {name: f"{join.prefix}{name}" for name in right.columns if name not in join.right}
    both = [name for name in added.values() if name in left.columns]
    if added and len(both) == len(added):
        note = f"'{join.path}' is not joined: the rows have all of its columns already ({', '.join(both[:5])})"
        left.attrs[NOTES] = [*left.attrs.get(NOTES, []), note]
        return left
    if both:
        raise InputError(
            f"{join.option}: both tables have the column '{both[0]}': say prefix, for the names of the second"
        )
    texts = [found.attrs.get(TEXTS, False) for found in (left, right)]
    notes = [*left.attrs.get(NOTES, []), *right.attrs.get(NOTES, [])]
    places = _partners(left, join, right)
    lost = int((places < 0).sum())
    on = ", ".join(join.left)
    if lost == len(left):
        raise InputError(f"{join.option}: no row has a partner in '{join.path}' by {on}: are the keys written alike?")
    if lost:
        notes.append(
            f"'{join.path}': {lost} of {len(left)} rows have no partner by {on}; its columns have no value there"
        )
    if any(texts) and not all(texts):
        left, right = ((found if text else as_texts(found)) for found, text in zip((left, right), texts, strict=True))
    beside_cells = cells_of(right[list(added)]).rename(columns=added).reindex(places, fill_value=TEXT)
    columns = right[list(added)].rename(columns=added)
    beside = pd.DataFrame({name: _gappy(columns[name]) if lost else columns[name] for name in columns})
    beside = beside.reindex(pd.Index(np.where(places < 0, len(right), places)))  # there is no such row
    beside.index = left.index
    out = pd.concat([left, beside], axis=1)
    out.attrs = {TEXTS: any(texts), NOTES: notes}
    return with_cells(out, [cells_of(left), beside_cells])


def _partners(left: pd.DataFrame, join: Join, right: pd.DataFrame) -> np.ndarray:
    """For each row on the left the number of its partner, -1 where it has none. InputError for a key that is twice."""
    theirs, ours = _keys(right, join.right, f"'{join.path}'"), _keys(left, join.left, "the rows")
    numbers: dict[tuple[object, ...], int] = {}
    for number, key in enumerate(theirs):
        if None in key:
            continue
        if key in numbers:
            shown = ", ".join(f"{name}={value}" for name, value in zip(join.right, key, strict=True))
            raise InputError(
                f"{join.option}: '{join.path}' has the key {shown} in row {numbers[key] + 1} and in row {number + 1}, "
                "expected once"
            )
        numbers[key] = number
    return np.array([numbers.get(key, -1) for key in ours], dtype=np.int64)


def _keys(frame: pd.DataFrame, columns: Sequence[str], where: str) -> list[tuple[object, ...]]:
    """The key of each row, an accent always as one sign with its letter. InputError for one that has been rounded."""
    for column in columns:
        if is_float_dtype(frame[column]) and (frame[column].abs() >= EXACT).any():
            raise InputError(
                f"column '{column}' of {where} is a key in double precision, in which whole numbers beyond 2^53 become "
                "one another, as where some are missing: save them as whole numbers or as texts"
            )
    return list(zip(*(composed(names(frame[column])) for column in columns), strict=True))


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells of typed columns as a text file would have them, with what says which of them are numbers or times."""
    texts = pd.DataFrame({name: names(frame[name]).astype("str") for name in frame.columns}, index=frame.index)
    return with_cells(texts, [pd.DataFrame({name: _kinds(frame[name]) for name in frame.columns}, index=frame.index)])


def _kinds(values: pd.Series) -> pd.Series:
    kind = PLAIN if is_numeric_dtype(values) and not is_bool_dtype(values) else TEXT
    kind = TIME if is_datetime64_any_dtype(values) else kind
    return values.notna().map({True: kind, False: TEXT})


def _gappy(values: pd.Series) -> pd.Series:
    """A column that may have gaps without going through floating point."""
    if is_bool_dtype(values):
        return values.astype("boolean")
    if is_integer_dtype(values):
        return values.astype("UInt64" if is_unsigned_integer_dtype(values) else "Int64")
    return values
