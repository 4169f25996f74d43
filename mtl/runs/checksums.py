"""Checksums of the files that predictions and reports are made of, so that a damaged file is refused and not used.

``checksums.json`` beside them holds the SHA-256 of each. They tell damage, not forgery: whoever can write the directory
can write both.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl.errors import InputError
from mtl.runs.files import atomic_path, read_json, read_json_if_whole, write_json

FILE = "checksums.json"


@contextmanager
def checked_path(path: Path, *copies: Path) -> Iterator[Path]:
    """As :func:`~mtl.runs.files.atomic_path`, and the file's checksum is written down beside it.

    At every moment one of the checksums written down is that of the file: the new one is added before the file is
    replaced, and the old one goes after it.

    Args:
        path: what is written.
        *copies: files of the same directory that are replaced by a copy of it, when it is there.

    Yields:
        Path: where to write.
    """
    names, folder, digest = [one.name for one in (path, *copies)], path.parent, ""
    with atomic_path(path) as partial:
        yield partial
        digest = sha256_of(partial)
        _note(folder, {name: [*checksums_of(folder / name), digest] for name in names})
    for copy in copies:
        with atomic_path(copy) as partial:
            shutil.copyfile(path, partial)
    _note(folder, {name: [digest] for name in names})


def write_checked_text(path: Path, text: str) -> None:
    """Write a file atomically, and its checksum."""
    with checked_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def check(path: Path) -> None:
    """Raise InputError if a file is not the one whose checksum was written down; nothing to do where none was."""
    if not (path.parent / FILE).is_file() or not path.is_file():
        return
    read_json(path.parent / FILE)  # says that it is damaged, if it is
    noted = checksums_of(path)
    if noted and sha256_of(path) not in noted:
        raise InputError(f"'{path}' is damaged: its checksum is not the one in {FILE}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file. InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None


def checksums_of(path: Path) -> list[str]:
    """The checksums of a file that were written down: one, and while it is being replaced also that of the new one."""
    found = read_json_if_whole(path.parent / FILE).get(path.name)
    return [str(digest) for digest in found] if isinstance(found, list) else []


def _note(folder: Path, digests: dict[str, list[str]]) -> None:
    file = folder / FILE
    write_json(file, {**read_json_if_whole(file), **digests})
