"""Values as a person types them: in Hydra's language of overrides, and quoted for the shell."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from mtl.config.overrides import CONF

PLAIN = re.compile(r"[\w./~+-]+", re.ASCII)  # what neither Hydra nor a shell reads as something else
WORD = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)  # a text that nobody takes for a number
RESERVED = {"true", "false", "null", "nan", "inf"}
SPECIAL = re.compile(r"[\\:,()\[\]{}=]")  # in keys, which cannot be quoted


def override_argument(key: str, value: object) -> str:
    """An override as it is typed: quoted for Hydra and for the shell where the value needs it."""
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return f"{key}={value}"
    return quote(f"{key}={literal(value)}")


def literal(value: object) -> str:
    """A plain value in Hydra's language."""
    if isinstance(value, Mapping):
        items = (f"{SPECIAL.sub(_escaped, str(name))}: {literal(item)}" for name, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(literal, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str) or (WORD.fullmatch(value) and value.lower() not in RESERVED):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _escaped(sign: re.Match[str]) -> str:
    return "\\" + sign[0]


def typed_options(group: str, option: str | None, node: Mapping[str, Any]) -> list[str]:
    """The overrides that make the node of a group what it is.

    Args:
        group: such as ``task``.
        option: that was chosen of it.
        node: what a run was told.

    Returns:
        An override for each key that has another value than the option's YAML; none where there is no such file.
    """
    file: Path = CONF / group / f"{option}.yaml"
    if not file.is_file():
        return []
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    usual = content.get(group, content)
    return _differences(group, usual, node)


def _differences(path: str, usual: Any, value: Any) -> list[str]:
    if isinstance(usual, Mapping) and isinstance(value, Mapping) and set(value) <= set(usual):
        return [text for name in value for text in _differences(f"{path}.{name}", usual[name], value[name])]
    if value == usual or (isinstance(usual, str) and "${" in usual):  # of another key, which is said by itself
        return []
    return [override_argument(path, value)]
