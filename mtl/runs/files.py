"""The one layer that writes: files whole or not at all, directories that never overwrite one another."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from tempfile import TemporaryFile
from threading import get_ident
from typing import Any

from mtl.errors import InputError

PARTIAL = re.compile(r"\.\d+\.\d+\.")  # how the name of a file begins that is being written: process and thread


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path to write to, which then becomes ``path``: readers see the old file or the new one, never a half.

    Nothing is left of it where writing fails, and the error names ``path``. The ending of the name is kept, since some
    writers go by it.
    """
    partial = path.with_name(f".{os.getpid()}.{get_ident()}.{path.name}")  # threads may write the same file, too
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno is None or str(error.filename) not in ("None", str(partial)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # of a write, as on a full disk, it names none
    finally:
        with suppress(OSError):  # where it could not be made either
            partial.unlink(missing_ok=True)


def remove_partial_files(directory: Path) -> None:
    """Remove what processes that were killed had begun to write; for whoever alone writes there."""
    for path in directory.iterdir():
        if PARTIAL.match(path.name):
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically. Bytes of a path that are no UTF-8 are written as Python shows them."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON, atomically; numbers that are not finite become null."""
    write_text(path, to_json(value))


def to_json(value: Any) -> str:
    """Plain values as the text of a JSON file; numbers that are not finite become null."""
    return json.dumps(finite(value), indent=2, allow_nan=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Args:
        path: of the file.

    Returns:
        The object.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"'{path}' is damaged: expected a JSON object")
    return found


def read_json_if_whole(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty if there is no such file or it is damaged."""
    try:
        return read_json(path)
    except InputError:
        return {}


def finite(node: Any) -> Any:
    """The same plain values with None for numbers that JSON does not know."""
    if isinstance(node, Mapping):
        return {str(key): finite(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [finite(value) for value in node]
    return None if isinstance(node, float) and not isfinite(node) else node


def check_place(directory: Path) -> None:
    """Raise InputError where nothing can be written to a directory, which need not be there: before long work begins.

    Nothing is left behind.
    """
    try:
        paths = (directory, *directory.absolute().parents)
        place = next(one for one in paths if one.exists() or one.is_symlink())
        if not place.is_dir():  # a file, or a link to something that is not there
            raise InputError(f"nothing can be written to '{directory}': '{place}' is no directory")
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise InputError(f"nothing can be written to '{directory}': {error.strerror}") from None


def make_unique_directory(first: Path) -> Path:
    """Make a new directory ``first``, or ``first-2``, ``first-3``, ...: what is there stays.

    Args:
        first: the path to begin with.

    Returns:
        The directory.

    Raises:
        InputError: none can be made there.
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
