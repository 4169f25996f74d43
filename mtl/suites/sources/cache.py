"""Where files are kept between runs, and how they are written so that no reader meets half of one."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from mtl.config.home import expanded
from mtl.errors import InputError
from mtl.runs.files import atomic_path


def cache_directory() -> Path:
    """``$MTL_CACHE``, else ``mtl`` in the platform's directory of user caches. InputError where there is none."""
    if os.environ.get("MTL_CACHE"):  # not where it is empty, which would be the current directory
        return expanded(os.environ["MTL_CACHE"])
    try:
        return user_cache_path("mtl", appauthor=False)
    except RuntimeError:  # as platformdirs says it
        raise InputError("there is no home directory for the cache here: set MTL_CACHE to a folder") from None


def make_directory(folder: Path) -> Path:
    """The folder, made if it is missing. InputError if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cache directory {folder}: cannot be made ({error.strerror}); set MTL_CACHE") from None
    return folder


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def cache_errors(path: Path) -> Iterator[None]:
    """Turn the refusal of the disk to write ``path`` into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cache file {path}: cannot be written ({error.strerror}); set MTL_CACHE") from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of the cache atomically. InputError if the disk refuses."""
    with cache_errors(path), atomic_path(path) as partial:
        partial.write_bytes(content)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time go on. Leaves an empty file; InputError if it cannot be written."""
    lock = FileLock(path)
    with cache_errors(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
