"""Rows of several frames behind each other, whose columns stay what they are where a frame has no value of them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import (
    infer_dtype,
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_float_dtype,
    is_integer_dtype,
    is_numeric_dtype,
    is_object_dtype,
)

from mtl.errors import InputError

EXACT = 2**53  # beyond it, double precision takes neighbouring whole numbers for the same


def stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all frames, with their own numbers; the columns of all, missing where a frame does not have one.

    A typed file has no type for a column without any value. Such a column takes that of the other frames, since beside
    values of no type numbers would be numbers no more.

    Args:
        frames: at least one.

    Returns:
        The rows.

    Raises:
        InputError: whole numbers beyond 2^53 beside numbers in double precision, among which they would be rounded.
    """
    typed = {name for frame in frames for name in frame.columns if not _has_no_type(frame[name])}
    kept = [
        frame.drop(columns=[name for name in frame.columns if name in typed and _has_no_type(frame[name])])
        for frame in frames
    ]
    return pd.concat(_with_exact_numbers(kept))[list(dict.fromkeys(name for frame in frames for name in frame.columns))]


def _with_exact_numbers(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The frames, a column of large whole numbers in some of them as one of whole numbers in all."""
    found = list(frames)
    for name in dict.fromkeys(name for frame in frames for name in frame.columns):
        having = [place for place, frame in enumerate(found) if name in frame.columns]
        broken = [place for place in having if is_float_dtype(found[place][name])]
        if not broken or not any(_is_large(found[place][name]) for place in having):
            continue
        for place in broken:
            values = found[place][name]
            numbers = values.to_numpy(dtype="float64", na_value=np.nan)
            known = numbers[~np.isnan(numbers)]
            if not ((known % 1 == 0) & (abs(known) < EXACT)).all():
                raise InputError(
                    f"column '{name}' has whole numbers beyond 2^53 in some rows, and numbers in double precision in "
                    "others, such as a file has where some are missing: they would be rounded; save them all as whole "
                    "numbers or as texts"
                )
            found[place] = found[place].assign(**{name: pd.array(numbers, dtype="Int64")})
    return found


def _is_large(values: pd.Series) -> bool:
    if not is_integer_dtype(values):
        return False
    known = values.dropna()
    return len(known) > 0 and max(abs(int(known.min())), abs(int(known.max()))) > EXACT


def _has_no_type(values: pd.Series) -> bool:
    return is_object_dtype(values) and bool(values.isna().all())


def stored_as(values: pd.Series) -> str:
    """What a typed file says that the values of a column are: numbers, times, true or false, or texts.

    Of times also whether they have a zone, beside which those without one would be moments of another.

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
    if not is_datetime64_any_dtype(values):
        return "texts"
    return "times" if getattr(values.dtype, "tz", None) is None else "times with their zone"


def holds_truth(values: pd.Series) -> bool:
    """Whether a column holds true and false, also where some are missing."""
    if is_object_dtype(values):
        return bool(infer_dtype(values, skipna=True) == "boolean")
    return bool(is_bool_dtype(values))
