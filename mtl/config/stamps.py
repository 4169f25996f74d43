"""Files as they are now: what was read of one is remembered as long as the file is the same.

A process may last for days, as that of a notebook, while a person writes the files.
"""

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[Path, int, int]  # a file, its size, and when it was last written, in nanoseconds


def stamp_of(file: Path) -> Stamp:
    """The file as it is now. OSError where it cannot be looked at."""
    status = file.stat()
    return file, status.st_size, status.st_mtime_ns


def stamps_of(files: Iterable[Path]) -> tuple[Stamp, ...]:
    """Each of these files as it is now, in their order; without those that are gone."""
    return tuple(stamp_of(file) for file in files if file.is_file())
