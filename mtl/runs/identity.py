"""The id of a run: a hash of what can change a number."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# Keys of the config that say where and how fast, and what to compare with, not what: they do not change a run's id.
NOT_PART_OF_RUN_ID = ("output", "resume", "cache", "threads", "progress", "hardware", "compare")


def run_id(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits of the resolved config without whereabouts. The same question gives the same id."""
    text = json.dumps(_what(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _what(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _what(value) for key, value in node.items() if key not in NOT_PART_OF_RUN_ID}
    if isinstance(node, list | tuple):
        return [_what(value) for value in node]
    return node
