"""Paths that begin in the home directory, which a process in a container may not have."""

from os import PathLike
from pathlib import Path

from mtl.errors import InputError


def expanded(path: str | PathLike[str]) -> Path:
    """A path, with the home directory in the place of ~. InputError where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # as pathlib says it
        raise InputError(f"'{path}': there is no home directory here: expected a path without ~") from None
