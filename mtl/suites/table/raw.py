"""Columns for what is no network: numbers in their own units, and categories with all their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from typing_extensions import override

from mtl.suites.table.columns import names, numbers
from mtl.suites.table.encoding import CategoryColumn, Column, Encoding, Features, NumberColumn


@dataclass(frozen=True)
class RawNumberColumn(NumberColumn):
    """A number as it stands in the table, not standardised and not cut off."""

    @override
    def numbers(self, values: pd.Series) -> Features:
        return numbers(values, f"column '{self.name}'")[:, None]


def all_values(encoding: Encoding, frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The values of every category column of an encoding, the most frequent first.

    Args:
        encoding: has the columns.
        frame: the training rows.

    Returns:
        The values by column.
    """
    found = {}
    for column in encoding.columns:
        if isinstance(column, CategoryColumn):
            counts = names(frame[column.name]).value_counts()
            found[column.name] = tuple(sorted(counts.index, key=lambda value: (-counts[value], value)))
    return found


def raw_encoding(encoding: Encoding, values: Mapping[str, Sequence[str]]) -> Encoding:
    """The same columns in their own units; times are the numbers that networks get.

    Args:
        encoding: has the columns as networks read them.
        values: of every category column, all that get a number of their own.

    Returns:
        The encoding, of which :meth:`~mtl.suites.table.encoding.Encoding.columns_of` is of use.
    """
    return Encoding(tuple(_raw(column, values.get(column.name, ())) for column in encoding.columns))


def _raw(column: Column, values: Sequence[str]) -> Column:
    if isinstance(column, NumberColumn):
        return RawNumberColumn(column.name, column.mean, column.std, column.gaps)
    return CategoryColumn(column.name, tuple(values)) if isinstance(column, CategoryColumn) else column
