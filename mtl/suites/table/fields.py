"""The fields of a data class as a JSON file holds them, which may be damaged or come from somebody else."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

Made = TypeVar("Made")


def from_plain(kind: type[Made], plain: Mapping[str, Any]) -> Made:
    """Make an object of a data class from the plain values that were written down of it.

    Args:
        kind: the class.
        plain: a value for each field, but for those that have a default; lists stand for tuples.

    Returns:
        The object.

    Raises:
        ValueError: a value is not what its field says, or a number that is not finite.
        TypeError: a field is missing, or there is no such field.
    """
    adapters = _adapters(kind)  # type: ignore[arg-type]  # classes can be hashed
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    for name in values.keys() & adapters.keys():
        try:
            adapters[name].validate_python(values[name])
        except ValidationError as error:
            raise ValueError(f"{name}: {error.errors()[0]['msg'].lower()}") from None
    return kind(**values)


@cache
def _adapters(kind: Any) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(kind)
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    return {field.name: TypeAdapter(hints[field.name], config=strict) for field in fields(kind)}
