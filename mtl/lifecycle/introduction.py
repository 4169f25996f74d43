"""What a person reads of the data before a training begins."""

import sys

from mtl.suites.base import MultiTaskDataModule


def introduce(data: MultiTaskDataModule) -> None:
    """Write what the suite shows of its rows to standard error, and what the user should know of how they were read."""
    sys.stderr.write(data.preview() + "".join(f"{note}\n" for note in data.notes))
