"""What a person reads of the data before a training begins."""

import sys

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule


def introduce(data: MultiTaskDataModule) -> None:
    """Write what the suite shows of its rows to standard error, and what the user should know of how they were read.

    InputError where the preview of an own suite is no text.
    """
    shown: object = data.preview()
    if not isinstance(shown, str):
        raise InputError(f"suite {type(data).__name__}: preview gives a {type(shown).__name__}, expected a text")
    sys.stderr.write(shown + "".join(f"{note}\n" for note in data.notes))
