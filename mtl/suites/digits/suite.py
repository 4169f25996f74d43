"""What the suites composed of handwritten digits have in common."""

import hashlib

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.digits.images import SOURCES


class DigitsSuite(MultiTaskDataModule):
    """Pictures composed of real digits.

    Args:
        digits: ``mnist`` or ``optical`` (small and quick).
        rows: pictures of train, val and test together.
        seed: of the data (not of the training).

    Attributes:
        kind: what is composed, and by which rule; part of the fingerprint.
    """

    kind: str

    def __init__(self, digits: str, rows: int, seed: int) -> None:
        super().__init__()
        if rows < 20:
            raise InputError(f"task.rows={rows}: expected 20 or more")
        self.digits, self.rows, self.seed_of_data = digits, rows, seed

    @property
    def fingerprint(self) -> str:
        """Hash of the arguments and of the file."""
        made = (self.kind, self.digits, self.rows, self.seed_of_data, SOURCES[self.digits][0].sha256)
        return hashlib.sha256(repr(made).encode()).hexdigest()[:16]
