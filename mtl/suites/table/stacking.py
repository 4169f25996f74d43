"""Rows of several frames behind each other, whose columns stay what they are where a frame has no value of them."""

from collections.abc import Sequence

import pandas as pd
from pandas.api.types import infer_dtype, is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_object_dtype


def stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames, with their own numbers; the columns of all, missing where a frame does not have one.

    A typed file has no type for a column without any value. Such a column takes that of the other frames, since beside
    values of no type numbers would be numbers no more.

    Args:
        frames: at least one.

    Returns:
        The rows.
    """
    typed = {name for frame in frames for name in frame.columns if not _has_no_type(frame[name])}
    kept = [
        frame.drop(columns=[name for name in frame.columns if name in typed and _has_no_type(frame[name])])
        for frame in frames
    ]
    return pd.concat(kept)[list(dict.fromkeys(name for frame in frames for name in frame.columns))]


def _has_no_type(values: pd.Series) -> bool:
    return is_object_dtype(values) and bool(values.isna().all())


def stored_as(values: pd.Series) -> str:
    """What a typed file says that the values of a column are: numbers, times, true or false, or texts.

    Args:
        values: the column.

    Returns:
        The word; empty for a column without a type.
    """
    if _has_no_type(values):
        return ""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return stored_as(pd.Series(values.cat.categories))
    if holds_truth(values):
        return "true or false"
    if is_numeric_dtype(values):
        return "numbers"
    return "times" if is_datetime64_any_dtype(values) else "texts"


def holds_truth(values: pd.Series) -> bool:
    """Whether a column holds true and false, also where some are missing."""
    if is_object_dtype(values):
        return bool(infer_dtype(values, skipna=True) == "boolean")
    return bool(is_bool_dtype(values))
