"""What the suites composed of handwritten digits have in common."""

import hashlib
from abc import abstractmethod

import numpy as np
import torch

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.suites.digits.images import SHARES, SOURCES, Digits, read_digits, split_digits

GROUP = 10  # digits that pictures of the test are composed of together


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

    @abstractmethod
    def compose(self, digits: Digits, rows: int, draw: np.random.Generator) -> Split:
        """``rows`` pictures of digits drawn at random."""

    def composed(self) -> dict[str, Split]:
        """The splits.

        A digit is in several pictures, which therefore depend on each other. So the digits of the test are divided into
        groups of about :data:`GROUP`, and each of its pictures is composed of digits of one group: pictures of two
        groups do not depend on each other.
        """
        draw = np.random.default_rng(self.seed_of_data)
        splits = {}
        for name, digits in split_digits(read_digits(self.digits), draw).items():
            rows = round(self.rows * SHARES[name])
            if name == "test":
                splits[name] = self._compose_in_groups(digits, rows, draw)
            else:
                splits[name] = self.compose(digits, rows, draw)
        return splits

    def _compose_in_groups(self, digits: Digits, rows: int, draw: np.random.Generator) -> Split:
        count = min(rows, max(1, len(digits.labels) // GROUP))
        members = np.array_split(np.arange(len(digits.labels)), count)
        sizes = [len(part) for part in np.array_split(np.arange(rows), count)]
        parts = [self.compose(digits.take(own), size, draw) for own, size in zip(members, sizes, strict=True)]
        return Split(
            {name: torch.cat([part.inputs[name] for part in parts]) for name in parts[0].inputs},
            {name: torch.cat([part.targets[name] for part in parts]) for name in parts[0].targets},
            groups=torch.arange(count).repeat_interleave(torch.tensor(sizes)),
        )

    @property
    def fingerprint(self) -> str:
        """Hash of the arguments and of the file."""
        made = (self.kind, GROUP, self.digits, self.rows, self.seed_of_data, SOURCES[self.digits][0].sha256)
        return hashlib.sha256(repr(made).encode()).hexdigest()[:16]
