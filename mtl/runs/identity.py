"""The id of a run: a hash of what can change a number, and of nothing else."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mtl.config.equal_numbers import whole_as_integers
from mtl.config.fields import Frozen, Mark
from mtl.config.run_config import RunConfig


def run_id(config: RunConfig) -> str:
    """Ten hexadecimal digits of a configuration's identity. The same question gives the same id."""
    return _digest(identity(config))


def configuration_id(config: RunConfig) -> str:
    """The same without the seed: runs that share it differ in the seed only."""
    return _digest({key: value for key, value in identity(config).items() if key != "seed"})


def identity(config: Frozen) -> dict[str, Any]:
    """The fields marked as identity, as plain values; keys that are no field of a model that takes any are, too.

    Nothing is left out by its name: what is not identity is so by its place in the typed configuration, and the
    arguments of a suite, a method or an environment all belong to it.
    """
    found: dict[str, Any] = dict(config.model_extra or {})
    for name, field in type(config).model_fields.items():
        if next(mark for mark in field.metadata if isinstance(mark, Mark)).identity:
            value = getattr(config, name)
            found[name] = identity(value) if isinstance(value, Frozen) else value
    return found


def _digest(values: dict[str, Any]) -> str:
    """Of equal values the same: numbers that an option has a default for are of its kind when a config is made.

    The others are what an optimizer is given beside its option's keys, and the numbers of each task for a weighting.
    Tasks are learned in the order of their suite, and groups in that of their first task, however they are typed.
    Callbacks are called, and the rows of several tables follow one another, in the order in which they are typed.
    """
    weighting = {
        key: whole_as_integers(value) if isinstance(value, Mapping | list) else value
        for key, value in values["weighting"].items()
    }
    alike = {**values, "optimizer": whole_as_integers(values["optimizer"]), "weighting": weighting}
    if values["tasks"] is not None:
        alike["tasks"] = sorted(values["tasks"])
    if values["auxiliary"] is None:
        del alike["auxiliary"]  # runs of before it was a key have the ids that they had
    else:
        alike["auxiliary"] = sorted(values["auxiliary"])
    tables = values["task"].get("tables")
    if isinstance(tables, Mapping) and in_another_order(tables):
        alike["task"] = {**values["task"], "tables": list(tables.items())}
    if in_another_order(values["callbacks"]):
        alike["callbacks"] = list(values["callbacks"].items())
    if isinstance(values["grouping"], list):
        alike["grouping"] = sorted(sorted(group) for group in values["grouping"] if len(group) > 1)
    text = json.dumps(alike, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def in_another_order(values: Mapping[str, Any]) -> bool:
    """Whether the keys stand in another order than that of the alphabet, in which a hash would have them."""
    return list(values) != sorted(values)
