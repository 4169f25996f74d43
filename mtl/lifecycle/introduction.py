"""What a person reads of the data before a training begins."""

import sys
from functools import lru_cache

from mtl.config.printable import printable, printable_line
from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule


def introduce(data: MultiTaskDataModule) -> None:
    """Write what the suite shows of its rows to standard error, and what the user should know of how they were read.

    Runs of a process that follow each other on the same data say it once. InputError where the preview of an own suite
    is no text.
    """
    shown: object = data.preview()
    if not isinstance(shown, str):
        raise InputError(f"suite {type(data).__name__}: preview gives a {type(shown).__name__}, expected a text")
    write(printable(shown) + "".join(f"{printable_line(note)}\n" for note in data.notes))


@lru_cache(maxsize=1)
def write(text: str) -> None:
    """Write a text to standard error, unless it is what was written last."""
    sys.stderr.write(text)
