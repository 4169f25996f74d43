"""YAML files of a run, which may be damaged or come from somebody else: plain values, in what a config may need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mtl.errors import InputError

MOST_VALUES = 100_000  # by references within the file, a few lines may stand for more than a memory holds
DEEPEST = 100  # levels


def read_yaml(path: Path) -> Any:
    """The plain values of a YAML file.

    Args:
        path: of the file.

    Returns:
        The values.

    Raises:
        InputError: it cannot be read, is nested too deeply, or stands for too many values.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except RecursionError:
        raise InputError(f"'{path}' is damaged: it is nested too deeply") from None
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"'{path}' is damaged: {' '.join(str(error).split())[:200]}") from None
    _check_extent(found, path)
    return found


def _check_extent(values: Any, path: Path) -> None:
    left, seen = [(values, 0)], 0
    while left:
        value, depth = left.pop()
        seen += 1
        if depth > DEEPEST:  # one that holds itself, too
            raise InputError(f"'{path}' is damaged: it is nested too deeply")
        if seen > MOST_VALUES:
            raise InputError(f"'{path}' is damaged: it stands for more than {MOST_VALUES} values")
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        left += [(part, depth + 1) for part in parts]
