"""Whole numbers typed where an option has floating ones: 0 and 0.0 are one question, with one id. Imports no torch."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl.config.folders import is_group, option_file
from mtl.config.stamps import Stamp, stamp_of

PACKAGE = "# @package "  # begins the first line of an option's file that says where in the config its keys are
GLOBAL = "_global_"  # said so of the whole config


def as_options_have_them(values: dict[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """A config with floating numbers wherever the files of its options have such.

    Args:
        values: the config as plain values.
        choices: the option chosen in each group, which may be ``group@place``.

    Returns:
        The config. A key that no option has, or has no floating number for, keeps its value.
    """
    for key, option in choices.items():
        group, _, place = key.partition("@")
        path = option_file(group, option) if isinstance(option, str) and is_group(group) else None
        if path is None or group == "experiment":  # which has values, of which it does not say what they may be
            continue
        usual = usual_values(path, place or group)
        values = {name: floating(value, usual.get(name)) for name, value in values.items()}
    return values


def usual_values(path: Path, place: str) -> dict[str, Any]:
    """The values of an option's file, at their place in the config."""
    return _values_of(stamp_of(path), place)


@cache
def _values_of(file: Stamp, place: str) -> dict[str, Any]:
    text = file[0].read_text(encoding="utf-8")
    found: Any = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    values: dict[str, Any] = found if isinstance(found, dict) else {}
    if text.startswith(PACKAGE):
        place = text.partition("\n")[0].removeprefix(PACKAGE).strip()
    for name in () if place == GLOBAL else reversed(place.split(".")):
        values = {name: values}
    return values


def floating(value: Any, usual: Any) -> Any:
    """A value with floating numbers where another one has them, at the same keys; of a list whose numbers all are."""
    if isinstance(value, dict) and isinstance(usual, dict):
        return {name: floating(part, usual.get(name)) for name, part in value.items()}
    if isinstance(value, list) and isinstance(usual, list) and usual and all(type(one) is float for one in usual):
        return [floating(part, usual[0]) for part in value]
    return float(value) if type(value) is int and type(usual) is float else value
