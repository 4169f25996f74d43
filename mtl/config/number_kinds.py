"""Whole numbers where a default has a decimal point: equal values are written alike, so that they give one id."""

from collections.abc import Mapping
from typing import Any


def as_default(default: Any, value: Any) -> Any:
    """A value with its whole numbers as floats where the default has floats: 1 as 1.0.

    Args:
        default: of the option, as plain values.
        value: that takes its place.

    Returns:
        The same value.
    """
    if isinstance(default, Mapping) and isinstance(value, Mapping):
        return {key: as_default(default.get(key), part) for key, part in value.items()}
    if isinstance(value, list) and isinstance(default, list) and default and all(isinstance(x, float) for x in default):
        return [as_default(default[0], part) for part in value]
    return float(value) if isinstance(default, float) and type(value) is int else value


def whole_as_integers(value: Any) -> Any:
    """A value with every whole number as an integer, for hashing what no default says the kind of: 1.0 as 1."""
    if isinstance(value, Mapping):
        return {key: whole_as_integers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [whole_as_integers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
