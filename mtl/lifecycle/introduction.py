"""What a person reads of the data before a training begins."""

import sys
from functools import lru_cache

from mtl.config.printable import printable, printable_line
from mtl.config.run_config import Hardware
from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule
from mtl.training.half_precision import slow_half_precision


def introduce(data: MultiTaskDataModule, hardware: Hardware | None = None) -> None:
    """Write what the suite shows of its rows to standard error, and what the user should know of how they were read.

    Runs of a process that follow each other on the same data say it once. InputError where the preview of an own suite
    is no text.

    Args:
        data: the suite.
        hardware: of a network's training, of which is said too what is slow on this machine.
    """
    shown: object = data.preview()
    if not isinstance(shown, str):
        raise InputError(f"suite {type(data).__name__}: preview gives a {type(shown).__name__}, expected a text")
    slow = slow_half_precision(hardware) if hardware is not None else None
    notes = [*data.notes, *filter(None, [slow])]
    write(printable(shown) + "".join(f"{printable_line(note)}\n" for note in notes))


@lru_cache(maxsize=1)
def write(text: str) -> None:
    """Write a text to standard error, unless it is what was written last."""
    sys.stderr.write(text)
