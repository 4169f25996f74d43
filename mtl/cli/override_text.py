"""The overrides that a run was told, to be typed again."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mtl.config.folders import option_file
from mtl.config.literals import override_argument
from mtl.config.stamps import Stamp, stamp_of


def typed_options(group: str, option: str | None, node: Mapping[str, Any]) -> list[str]:
    """The overrides that make the node of a group what it is.

    Args:
        group: such as ``task``.
        option: that was chosen of it.
        node: what a run was told.

    Returns:
        An override for each key that has another value than the option's YAML; none where there is no such file.
    """
    file = option_file(group, option)
    if file is None:
        return []
    content = content_of(file)
    usual = content.get(group, content)
    return _differences(group, usual, node)


def content_of(file: Path) -> dict[str, Any]:
    """What a YAML file of ``conf/`` says, read once."""
    return _content_of(stamp_of(file))


@cache
def _content_of(file: Stamp) -> dict[str, Any]:
    return yaml.safe_load(file[0].read_text(encoding="utf-8")) or {}


def _differences(path: str, usual: Any, value: Any) -> list[str]:
    if isinstance(usual, Mapping) and isinstance(value, Mapping) and set(value) <= set(usual):
        return [text for name in value for text in _differences(f"{path}.{name}", usual[name], value[name])]
    if value == usual or (isinstance(usual, str) and "${" in usual):  # of another key, which is said by itself
        return []
    return [override_argument(path, value)]
