"""Lists and records in the cells of a typed table, as texts."""

from typing import Any

import pandas as pd
import pyarrow


def texts_of_nested(column: pyarrow.ChunkedArray) -> pd.Series:
    """The text of each list or record; None where there is none.

    What a text is depends on its own cell alone: new rows come by themselves, and fields or gaps that cells beside it
    have, for which Arrow gives all cells of a column one type, are not its own.

    Args:
        column: of lists, records or maps.

    Returns:
        The texts.
    """
    if not any(_has_gaps(chunk) for chunk in column.chunks):
        return column.to_pandas(date_as_object=False).map(str, na_action="ignore")
    texts = [None if not cell.is_valid else _text(cell) for chunk in column.chunks for cell in chunk]
    return pd.Series(texts, dtype=object)


def _has_gaps(array: pyarrow.Array) -> bool:
    """Whether something within a cell may have no value."""
    return any(part.null_count or _has_gaps(part) for part in _parts(array))


def _parts(array: pyarrow.Array) -> list[pyarrow.Array]:
    if pyarrow.types.is_struct(array.type):
        return [array.field(place) for place in range(array.type.num_fields)]
    if pyarrow.types.is_map(array.type):
        return [array.keys, array.items]
    return [array.flatten()] if pyarrow.types.is_nested(array.type) else []


def _text(cell: pyarrow.Scalar) -> str:
    if pyarrow.types.is_struct(cell.type):
        return str(_without_gaps(cell.as_py()))
    return str(pyarrow.array([cell], cell.type).to_pandas(date_as_object=False)[0])


def _without_gaps(value: Any) -> Any:
    """The fields of a record that have a value, also those of records within it."""
    if isinstance(value, dict):
        return {name: _without_gaps(one) for name, one in value.items() if one is not None}
    return [_without_gaps(one) for one in value] if isinstance(value, list) else value
