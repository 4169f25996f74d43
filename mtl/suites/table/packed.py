"""Compressed files, and archives that hold one file."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TextIO, cast

from mtl.errors import InputError

OPENERS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
ZIP = ".zip"
LITTER = ("__MACOSX/", ".DS_Store")  # what some systems put into archives


def plain_suffix(path: Path) -> str:
    """The suffix of what a file holds, in lower case: ``.csv`` of ``a.csv.gz``, and of an archive with ``a.csv``."""
    if path.suffix.lower() == ZIP:
        return Path(_member(path).filename).suffix.lower()
    return (path.with_suffix("") if path.suffix.lower() in OPENERS else path).suffix.lower()


def open_bytes(path: Path) -> IO[bytes]:
    """The uncompressed bytes of a file.

    Args:
        path: the file.

    Returns:
        A stream from the beginning.

    Raises:
        InputError: an archive that is damaged, locked with a password, or holds another number of files than one.
    """
    suffix = path.suffix.lower()
    if suffix == ZIP:
        member = _member(path)
        with zipfile.ZipFile(path) as archive:
            try:
                return io.BytesIO(archive.read(member))
            except RuntimeError:  # as zipfile says it
                raise InputError(f"'{path}' is locked with a password: unpack it") from None
    return cast(IO[bytes], OPENERS[suffix](path, "rb")) if suffix in OPENERS else path.open("rb")


def open_text(path: Path, encoding: str) -> TextIO:
    """The text of a file, compressed or not, its line ends as they are. LookupError for an unknown encoding."""
    codecs.lookup(encoding)
    return cast(TextIO, io.TextIOWrapper(cast(io.BufferedReader, open_bytes(path)), encoding=encoding, newline=""))


def _member(path: Path) -> zipfile.ZipInfo:
    try:
        with zipfile.ZipFile(path) as archive:
            found = [
                one for one in archive.infolist() if not one.is_dir() and not any(w in one.filename for w in LITTER)
            ]
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"'{path}' is damaged or no .zip file: {error}") from None
    if len(found) != 1:
        names = ", ".join(one.filename for one in found[:5]) + (", ..." if len(found) > 5 else "")
        raise InputError(f"'{path}' holds {len(found)} files, expected one: {names or 'none'}")
    return found[0]
