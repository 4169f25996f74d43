"""Which rows are for training, for validation and for the test."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.suites.table.columns import names, times
from mtl.suites.table.types import TEXT

WAYS = ("random", "time", "group")
Rows = dict[str, np.ndarray]


class Division(ABC):
    """A way to divide rows."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns that tell splits or groups of rows apart, which therefore are no inputs."""

    @property
    def asked(self) -> dict[str, str]:
        """Type of the column, where a text column has to be read as one; see :mod:`mtl.suites.table.types`."""
        return {}

    @abstractmethod
    def rows(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of ``train``, ``val`` and ``test``. InputError if that cannot be."""

    @abstractmethod
    def row_groups(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Number of each row's group, ``[N]`` int64; None: rows do not depend on each other."""


@dataclass(frozen=True)
class Splitting(Division):
    """Rows divided at random, by time or by group.

    Attributes:
        by: ``random``; ``time``: the latest rows are the test, those before them the validation; ``group``: rows
            that agree in a column stay together.
        column: of the times or groups.
        groups: column whose equal values mark rows that depend on each other, as those of one customer or one day:
            test rows then count as so many groups, not as so many rows. None: with ``group`` it is ``column``, else
            rows are taken to be independent.
        val, test: shares of the rows.
        seed: of the random order; the same whatever the training's seed.
    """

    by: str = "random"
    column: str | None = None
    groups: str | None = None
    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise unknown("way in task.split.by", self.by, WAYS)
        if self.by != "random" and not self.column:
            raise InputError(f"task.split.by={self.by} needs the column of the {self.by}s: task.split.column=...")
        if not all(isinstance(share, int | float) for share in (self.val, self.test)):
            raise InputError(f"task.split: val={self.val} and test={self.test}: expected shares, such as 0.15")
        if self.val <= 0 or self.test <= 0 or self.val + self.test >= 1:
            raise InputError(f"task.split: val={self.val} and test={self.test} must be above 0, together below 1")

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.column, self.groups) if name)

    @property
    def group_column(self) -> str | None:
        """Column whose equal values mark rows that depend on each other."""
        return self.groups or (self.column if self.by == "group" else None)

    @property
    @override
    def asked(self) -> dict[str, str]:
        texts = [name for name in (self.column if self.by == "group" else None, self.groups) if name]
        return dict.fromkeys(texts, TEXT)

    @override
    def row_groups(self, frame: pd.DataFrame) -> np.ndarray | None:
        if self.group_column is None:
            return None
        if self.group_column not in frame.columns:
            raise unknown("column in task.split.groups", self.group_column, frame.columns)
        return group_numbers(frame[self.group_column])

    def rows(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of ``train``, ``val`` and ``test``, each in the order of the table.

        Args:
            frame: the rows of the table.

        Returns:
            Row numbers by split.

        Raises:
            InputError: no such column, a time that is none or missing, a split that is left without rows.
        """
        total = len(frame)
        if self.column and self.column not in frame.columns:
            raise unknown("column in task.split.column", self.column, frame.columns)
        if self.by == "time":
            units = _moments(frame[self.column])
        elif self.by == "group":
            units = _shuffled(group_numbers(frame[self.column]), self.seed)
        else:
            units = np.random.default_rng(self.seed).permutation(total)
        # Rows of one unit (moment, group) stay together, where the first of them would be in the order
        order = np.sort(units)
        cuts = [order[min(total - 1, round(total * share) - 1)] for share in (1 - self.val - self.test, 1 - self.test)]
        part = np.searchsorted(np.array(cuts), units, side="left")  # 0, 1, 2
        found = {name: np.flatnonzero(part == i) for i, name in enumerate(("train", "val", "test"))}
        for name, chosen in found.items():
            if not len(chosen):
                raise InputError(
                    f"the {name} split is empty: {total} rows, {len(np.unique(units))} of which differ in what "
                    f"task.split.by={self.by} looks at; give more rows or other shares"
                )
        return found


def _moments(values: pd.Series) -> np.ndarray:
    """Time as a number. A row without a time belongs to no side of a cut, so it is an InputError."""
    found = times(values, f"time column '{values.name}'") if not _is_number(values) else values
    missing = np.flatnonzero(found.isna())
    if len(missing):
        raise InputError(
            f"time column '{values.name}': row {values.index[missing[0]] + 1} has no time, so it is on no side of a cut"
        )
    moments: np.ndarray = found.to_numpy() if _is_number(values) else found.astype("int64").to_numpy()
    return moments


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))


def group_numbers(values: pd.Series) -> np.ndarray:
    """A number for each value; rows without one are one group."""
    found: np.ndarray = pd.factorize(names(values), use_na_sentinel=False)[0].astype(np.int64)
    return found


def _shuffled(codes: np.ndarray, seed: int) -> np.ndarray:
    """Group numbers in a random order."""
    places: np.ndarray = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes]
    return places
