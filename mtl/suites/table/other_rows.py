"""Which rows are for what where rows of another file stand behind those of a table."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from typing_extensions import override

from mtl.suites.table.divided_groups import divided_groups
from mtl.suites.table.splitting import PARTS, Division, Rows, Splitting


@dataclass(frozen=True)
class WithOtherRows(Division):
    """Rows of another file stand behind those of the table.

    Attributes:
        splitting: how the table is divided.
    """

    splitting: Splitting

    @abstractmethod
    def parts(self, frame: pd.DataFrame) -> np.ndarray:
        """The part of each row, ``[N]``: 0 training, 1 validation, 2 test, -1 none. InputError as of :meth:`rows`."""

    @override
    def rows(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of ``train``, ``val`` and ``test``; as of :meth:`Splitting.rows`."""
        return self.splitting.numbered(self.parts(frame))

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self.splitting.columns

    @property
    @override
    def asked(self) -> dict[str, str]:
        return self.splitting.asked

    @override
    def row_groups(self, frame: pd.DataFrame) -> np.ndarray | None:
        return self.splitting.row_groups(frame)


@dataclass(frozen=True)
class WithTestRows(WithOtherRows):
    """The last rows are the test, whatever the others are divided by.

    Attributes:
        splitting: divides the others into training and validation.
        tested: how many rows are the test.
    """

    tested: int

    @override
    def notes_on_groups(self, frame: pd.DataFrame, rows: Rows) -> list[str]:
        remedy = "to keep them together, leave their rows out of one of the two files"
        found = divided_groups(self.row_groups(frame), rows, self.splitting.group_column, remedy, ["test"])
        if found:
            return self.splitting.without_group(frame) + found
        return self.splitting.notes_on_groups(frame, rows)

    @override
    def parts(self, frame: pd.DataFrame) -> np.ndarray:
        part = np.full(len(frame), PARTS.index("test"))
        own = len(frame) - self.tested
        part[:own] = self.splitting.rows_beside_test(frame.iloc[:own])
        return part


@dataclass(frozen=True)
class WithLaterRows(WithOtherRows):
    """The last rows came after all others, and say how good a network is now; the others only train it.

    Attributes:
        splitting: divides the last rows, see :meth:`Splitting.parts_of_later_rows`.
        later: how many they are.
    """

    later: int

    @override
    def parts(self, frame: pd.DataFrame) -> np.ndarray:
        part = np.full(len(frame), PARTS.index("train"))
        before = len(frame) - self.later
        if self.later:
            part[before:] = self.splitting.parts_of_later_rows(frame.iloc[before:])
        return part


@dataclass(frozen=True)
class OnlyLaterRows(WithLaterRows):
    """The same, where the first rows are used for nothing.

    Attributes:
        splitting: as there.
        later: as there.
        between: how many rows before those are used, for training.
    """

    between: int = 0

    @override
    def parts(self, frame: pd.DataFrame) -> np.ndarray:
        part = super().parts(frame)
        part[: len(frame) - self.later - self.between] = -1
        return part


def with_others(splitting: Splitting, use: str, count: int, between: int = 0) -> WithOtherRows:
    """What says which rows are for what, where those of another file stand last.

    Args:
        splitting: divides the table.
        use: ``test``: they are the test; ``after``: they came after all others, see :class:`WithLaterRows`; ``alone``:
            and those of the table are used for nothing.
        count: rows of that file.
        between: rows of other files before it.

    Returns:
        The division.
    """
    if use == "test":
        return WithTestRows(splitting, count)
    return WithLaterRows(splitting, count) if use == "after" else OnlyLaterRows(splitting, count, between)
