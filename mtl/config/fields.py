"""What every typed configuration and result is made of: frozen models, and whether a field is part of a run's identity.

A field of a configuration carries exactly one mark. ``IDENTITY``: it can change a number, so it is in the run's id.
``RUNTIME``: the same computation somewhere else or at another speed, so it is not, and a run may go on with another
value of it. ``PLACE``: where files are; not part of the id either, and fixed while a run lasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mtl.errors import InputError, unknown


@dataclass(frozen=True)
class Mark:
    """What a field of a configuration is.

    Attributes:
        identity: it can change a number, so it is hashed into the run's id.
        resumable: a run may go on with another value of it.
    """

    identity: bool
    resumable: bool


IDENTITY = Mark(identity=True, resumable=False)
RUNTIME = Mark(identity=False, resumable=True)
PLACE = Mark(identity=False, resumable=False)


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


# A measured number; None, which JSON calls null, for one that is not finite or was not measured
Measured = Annotated[float | None, BeforeValidator(_finite_or_none)]


class Frozen(BaseModel):
    """A typed value that is checked when it is made and never changes.

    Numbers are not made from texts, and a key that is no field is an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def read(cls, values: Any, where: str = "") -> Self:
        """The model of plain values, as YAML or JSON holds them.

        Args:
            values: plain values.
            where: stands in messages before the keys, such as the path of a file.

        Returns:
            The model.

        Raises:
            InputError: a key that is no field, with the nearest one; a value that a field does not take.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise to_input_error(cls, error, values, where) from None

    def plain(self) -> dict[str, Any]:
        """The values as JSON and YAML know them."""
        return self.model_dump(mode="json", by_alias=True)


def to_input_error(model: type[BaseModel], error: ValidationError, values: Any, where: str = "") -> InputError:
    """Say the first of the mistakes that a model found, in one line; a key that is no field comes before all others.

    Args:
        model: what was to be made.
        error: what it said.
        values: of what.
        where: stands before the keys.

    Returns:
        The line.
    """
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    prefix = f"{where}: " if where else ""
    parts = [str(part) for part in first["loc"]]
    owner, depth = field_at(model, parts)
    if first["type"] == "extra_forbidden":
        near = [
            ".".join([*parts[:-1], field.alias or name]) for name, field in owner.model_fields.items() if field.repr
        ]
        return InputError(f"{prefix}{unknown('key', '.'.join(parts), near)}")
    if first["type"] == "missing":
        return InputError(f"{prefix}key '{'.'.join(parts)}' is missing")
    if first["type"] == "value_error":
        return InputError(f"{prefix}{first['ctx']['error']}")
    name = _name_of(owner, parts[depth - 1]) if depth else None
    expected = owner.model_fields[name].description if name is not None else None
    value: Any = values
    for part in parts[:depth]:
        value = value[part]
    key = ".".join(parts[:depth])
    return InputError(f"{prefix}{key}={format_value(value)}: expected {expected or first['msg'].lower()}")


def field_at(model: type[BaseModel], parts: list[str]) -> tuple[type[BaseModel], int]:
    """The innermost model on the way along ``parts``, and how many of them lead to one of its fields."""
    owner, depth = model, 0
    current: Any = model
    for place, part in enumerate(parts):
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            break
        owner = current
        name = _name_of(current, part)
        if name is None:
            break
        depth = place + 1
        current = current.model_fields[name].annotation
    return owner, depth


def _name_of(model: type[BaseModel], key: str) -> str | None:
    """The field that a key is of, which may have an alias; None if there is no such field."""
    return next((name for name, field in model.model_fields.items() if key in (name, field.alias)), None)


def format_value(value: Any) -> str:
    """A value as it is typed on a command line."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(format_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!s}: {format_value(part)}" for name, part in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
