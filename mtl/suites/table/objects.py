"""Values that a driver of a database or a program has as Python objects, as a column of Arrow."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow

NUMBERS = (int, float, Decimal)


def array_of(values: Sequence[Any]) -> pyarrow.Array:
    """Values of one type as they are, numbers of several types as numbers, others as texts.

    A decimal number that is none (NaN) has no value. Numbers that Arrow has no common type for, as infinite decimal
    ones or those of more than 76 digits, are in double precision; but whole ones without a type are texts, which are
    told apart. What a record says is its own: fields that others have beside it are not added to it.

    Args:
        values: None is no value.

    Returns:
        The column.
    """
    known = [None if isinstance(value, Decimal) and value.is_nan() else value for value in values]
    if any(isinstance(value, dict) for value in known):
        return _texts(known)
    try:
        return pyarrow.array(known)
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
        if any(_is_broken(value) for value in known) and all(map(_is_number, known)):
            return pyarrow.array([None if value is None else float(value) for value in known])
        return _texts(known)


def _texts(values: Sequence[Any]) -> pyarrow.Array:
    return pyarrow.array([None if value is None else str(value) for value in values], pyarrow.string())


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, NUMBERS) and not isinstance(value, bool))


def _is_broken(value: Any) -> bool:
    """Whether a value is a number that is not whole; an infinite one is none of those either."""
    if isinstance(value, Decimal):
        return not value.is_finite() or value != value.to_integral_value()
    return isinstance(value, float)
