"""Equal numbers written alike, where no default says of which kind they are: for hashes of what they decide."""

from collections.abc import Mapping
from typing import Any


def whole_as_integers(value: Any) -> Any:
    """A value with every whole number as an integer: 1.0 as 1."""
    if isinstance(value, Mapping):
        return {key: whole_as_integers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [whole_as_integers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
