"""What lies in the cache, and how it is removed."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mtl.errors import InputError, unknown
from mtl.suites.sources.cache import cache_directory, cache_errors

KINDS = {  # folders in the cache, and what is in them
    "tables": "your own tables, encoded, of task.stream=true",
    "prepared": "rows that suites have made of public or generated data",
    "sources": "public data as it was downloaded",
    "archives": "archives that you have put there yourself",
}
REMOVABLE = tuple(name for name in KINDS if name != "archives")
ALL = "all"


@dataclass(frozen=True)
class Stored:
    """A folder in the cache.

    Attributes:
        name: of the folder.
        files: how many there are, locks not counted.
        size: of them in bytes.
    """

    name: str
    files: int
    size: int


def stored() -> list[Stored]:
    """What lies in each of the folders :data:`KINDS`."""
    found = []
    for name in KINDS:
        sizes = [file.stat().st_size for file in _files(cache_directory() / name) if not _is_lock(file)]
        found.append(Stored(name, len(sizes), sum(sizes)))
    return found


def remove(name: str) -> list[Stored]:
    """Remove a folder of the cache, or ``all`` but the archives that were put there by hand.

    Args:
        name: of the folder.

    Returns:
        What was removed.

    Raises:
        InputError: no such folder, or a program writes there now.
    """
    if name not in (*REMOVABLE, ALL):
        raise unknown("folder of the cache", name, (*REMOVABLE, ALL))
    chosen = REMOVABLE if name == ALL else (name,)
    removed = [one for one in stored() if one.name in chosen]
    for one in chosen:
        _remove(cache_directory() / one)
    return removed


def _remove(folder: Path) -> None:
    """Remove a folder while nobody writes into it. Programs that have mapped its files keep them until they end."""
    with ExitStack() as locks:
        for file in filter(_is_lock, _files(folder)):
            try:
                locks.enter_context(FileLock(file, timeout=0))
            except Timeout:
                raise InputError(f"'{folder}': a program writes there now; try again when it has ended") from None
        if folder.is_dir():
            with cache_errors(folder):
                shutil.rmtree(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _is_lock(file: Path) -> bool:
    return file.name == "lock" or file.suffix == ".lock"
