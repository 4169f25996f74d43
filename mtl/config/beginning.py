"""The working directory in which the program began, which its other processes begin in, too.

A program that changes it would else change it once more in each of them, from where it had got to: ``os.chdir("data")``
would look for ``data/data``. Known is where it was when ``mtl`` was first imported.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def working_directory() -> Path | None:
    """The working directory; None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


BEGINNING = working_directory()


@contextlib.contextmanager
def where_it_began() -> Iterator[None]:
    """Within this, the working directory is that of the beginning, where it is still there."""
    moved = BEGINNING is not None and BEGINNING.is_dir() and working_directory() not in (None, BEGINNING)
    with contextlib.chdir(str(BEGINNING)) if moved else contextlib.nullcontext():
        yield
