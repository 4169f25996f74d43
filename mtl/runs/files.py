"""Files are written whole or not at all; directories never overwrite one another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Gives a place to write to, which then becomes ``path``: readers see the old file or the new one, never a half.
    Nothing is left of it where writing fails.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def make_unique_directory(first: Path) -> Path:
    """A new directory ``first``, or ``first-2``, ``first-3``, ...: what is there stays. InputError if none can be
    made.
    """
    path, number = first, 1
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()  # atomic: of two that start at once, one gets the next number
        except FileExistsError:
            if path.parent.is_dir():
                number += 1
                path = first.with_name(f"{first.name}-{number}")
                continue
            raise InputError(f"cannot make directory '{path}': '{path.parent}' is a file") from None
        except OSError as error:
            raise InputError(f"cannot make directory '{path}': {error.strerror}") from None
        return path
