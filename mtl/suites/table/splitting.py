"""Which rows are for training, for validation and for the test."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from typing_extensions import override

from mtl.errors import InputError, unknown, without_effect
from mtl.suites.table.columns import composed, names, times
from mtl.suites.table.divided_groups import divided_groups
from mtl.suites.table.types import TEXT

WAYS = ("random", "time", "group", "given")
NEEDED = {"time": "the times", "group": "the groups", "given": "what each row is for"}  # column of a way
PARTS = ("train", "val", "test")
WORDS = {  # values of a column that says what each row is for, in lower case
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
LATER_SHARES = (0.5, 0.75)  # where in rows that came later the validation and the test begin
Rows = dict[str, np.ndarray]


class Division(ABC):
    """A way to divide rows."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns that tell splits or groups of rows apart, which therefore are no inputs."""

    @property
    def part_column(self) -> str | None:
        """Column that says what each row is for; None, the default: there is none."""
        return None

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

    def notes_on_groups(self, frame: pd.DataFrame, rows: Rows) -> list[str]:
        """Notes if rows have no group, or groups that should be in one part are in two; default: neither is so."""
        return []


@dataclass(frozen=True)
class Splitting(Division):
    """Rows divided at random, by time, by group or as a column says.

    With k folds the rows are divided into k parts of equal size, one of which is the test. Seeds 0 to k - 1 take one
    after the other from the same division, seeds k to 2 k - 1 from another one, and so on: so k seeds in a row test
    every row once, as cross-validation does.

    Attributes:
        by: ``random``; ``time``: the latest rows are the test, those before them the validation; ``group``: rows
            that agree in a column stay together; ``given``: a column says train, validation or test. Where it names no
            row for validation, a share of the training rows is drawn, and of ``groups`` whole ones.
        column: of the times, groups or parts.
        groups: column whose equal values mark rows that depend on each other, as those of one customer or one day:
            test rows then count as so many groups, not as so many rows. None: with ``group`` it is ``column``, else
            rows are taken to be independent.
        val, test: shares of the rows; with folds, and where it is given, no share for the test is asked for.
        seed: of the random order; the same whatever the training's seed.
        folds: k; None: no folds.
    """

    by: str = "random"
    column: str | None = None
    groups: str | None = None
    val: float = 0.15
    test: float = 0.15
    seed: int = 0
    folds: int | None = None

    def __post_init__(self) -> None:
        for name in ("column", "groups"):  # a config has one that is called 2020 as a number
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        if self.by not in WAYS:
            raise unknown("way in task.split.by", self.by, WAYS)
        if self.by != "random" and not self.column:
            raise InputError(f"task.split.by={self.by} needs the column of {NEEDED[self.by]}: task.split.column=...")
        if not all(isinstance(share, int | float) for share in (self.val, self.test)):
            raise InputError(f"task.split: val={self.val} and test={self.test}: expected shares, such as 0.15")
        if not (self.val > 0 and self.test > 0 and self.val + self.test < 1):  # also of what is no number
            raise InputError(f"task.split: val={self.val} and test={self.test} must be above 0, together below 1")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"seed={self.seed} of the split: expected a whole number, 0 or more")
        if self.folds is not None:
            self._check_folds(self.folds)

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, *, fitted: bool) -> "Splitting":
        """The way to divide that a config says.

        Args:
            options: arguments.
            fitted: a run has fitted what it learned from rows that were divided so, whatever is said of it today.

        Returns:
            The way.

        Raises:
            InputError: an argument that is none, or one that divides no rows: else somebody would take rows that were
                drawn at random for the latest ones.
        """
        found = cls(**dict(options or {}))
        if found.by == "random" and found.column and not fitted:
            raise without_effect("task.split.column", found.column, "task.split.by=time, group or given")
        if found.by == "time" and found.seed and not fitted:
            raise without_effect("task.split.seed", found.seed, "task.split.by=random, group or given")
        return found

    def _check_folds(self, folds: int) -> None:
        if type(folds) is not int or folds < 2:
            raise InputError(f"task.split.folds={folds}: expected a whole number, 2 or more, or null")
        if self.by not in ("random", "group"):
            raise InputError(f"task.split.folds={folds}: rows by {self.by} are divided in one way only, not in folds")
        if self.val + 1 / folds >= 1:
            raise InputError(f"task.split: folds={folds} and val={self.val} leave no training rows")

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.column, self.groups) if name)

    @property
    @override
    def part_column(self) -> str | None:
        return self.column if self.by == "given" else None

    @property
    def group_column(self) -> str | None:
        """Column whose equal values mark rows that depend on each other."""
        return self.groups or (self.column if self.by == "group" else None)

    @property
    @override
    def asked(self) -> dict[str, str]:
        texts = [name for name in (self.column if self.by in ("group", "given") else None, self.groups) if name]
        return dict.fromkeys(texts, TEXT)

    @override
    def row_groups(self, frame: pd.DataFrame) -> np.ndarray | None:
        if self.group_column is None:
            return None
        if self.group_column not in frame.columns:
            raise unknown("column in task.split.groups", self.group_column, frame.columns)
        return group_numbers(frame[self.group_column])

    @override
    def notes_on_groups(self, frame: pd.DataFrame, rows: Rows) -> list[str]:
        """Not of groups divided by time: that those of before occur again is then what is asked."""
        column, notes = self.group_column, self.without_group(frame)
        if self.by == "time":
            return notes
        remedy = f"task.split.by=group task.split.column={column}"
        if self.by == "given":
            remedy = f"the same part in all rows of a group, in column '{self.column}'"
        return notes + divided_groups(self.row_groups(frame), rows, column, f"to keep them together: {remedy}")

    def without_group(self, frame: pd.DataFrame) -> list[str]:
        """A note if several rows have no value in the column of the groups, and so are taken for one group."""
        if self.row_groups(frame) is None:
            return []
        missing = int(frame[self.group_column].isna().sum())
        if missing < 2:
            return []
        return [
            f"column '{self.group_column}' of the groups: {missing} of {len(frame)} rows have no value, and are taken "
            "for one group"
        ]

    def rows(self, frame: pd.DataFrame, bound: np.ndarray | None = None) -> Rows:
        """Row numbers of ``train``, ``val`` and ``test``, each in the order of the table.

        Args:
            frame: the rows of the table.
            bound: where it is given, the part that each row has to be in if it is for training and validation rows are
                drawn, ``[N]``, -1 if any; the same for all rows of a group. None: -1 each.

        Returns:
            Row numbers by split.

        Raises:
            InputError: no such column, a time that is none or missing, a split that is left without rows.
        """
        if self.by == "given":
            part = self._given(frame, bound)
        elif self.folds is not None:
            part = self._fold(self._order(frame, self.seed // self.folds), self.folds)
        else:
            part = _cut(self._order(frame, self.seed), (1 - self.val - self.test, 1 - self.test))
        return self.numbered(part)

    def rows_beside_test(self, frame: pd.DataFrame) -> np.ndarray:
        """Where the test rows are others: 0 for each row that is for training, 1 for validation.

        Args:
            frame: the rows of the table without the test rows.

        Returns:
            ``[N]``.

        Raises:
            InputError: the way to divide leaves no choice of the test rows; else as of :meth:`rows`.
        """
        if self.by == "given" or self.folds is not None:
            key = "folds" if self.folds is not None else "by=given"
            raise InputError(f"task.split.{key} and task.path_test both say which rows are the test: leave one out")
        return _cut(self._order(frame, self.seed), (1 - self.val,))

    def parts_of_later_rows(self, frame: pd.DataFrame) -> np.ndarray:
        """Of rows that came after all others: 0 for each that is for training, 1 for validation, 2 for the test.

        Half of them are for training, a quarter each for validation and the test, in the order in which the table
        would be divided.

        Args:
            frame: these rows.

        Returns:
            ``[N]``.

        Raises:
            InputError: the way to divide leaves no choice; else as of :meth:`rows`.
        """
        if self.by == "given" or self.folds is not None:
            key = "folds" if self.folds is not None else "by=given"
            raise InputError(f"task.split.{key} and task.path_later both say which rows are the test: leave one out")
        return _cut(self._order(frame, self.seed), LATER_SHARES)

    def numbered(self, part: np.ndarray) -> Rows:
        """Row numbers of each part, of parts 0, 1, 2 by row. InputError for a part without rows."""
        found = {name: np.flatnonzero(part == i) for i, name in enumerate(PARTS)}
        for name, chosen in found.items():
            if not len(chosen):
                column = f" and task.split.column={self.column}" if self.column else ""
                raise InputError(
                    f"the {name} split is empty: task.split.by={self.by}{column} divides {len(part)} rows into "
                    f"{', '.join(f'{len(rows)} {one}' for one, rows in found.items())}; give more rows or other shares"
                )
        return found

    def _column(self, frame: pd.DataFrame) -> pd.Series:
        if self.column not in frame.columns:
            raise unknown("column in task.split.column", str(self.column), frame.columns)
        return frame[self.column]

    def _order(self, frame: pd.DataFrame, seed: int) -> np.ndarray:
        """A number for each row, by which rows are ordered; rows of one number stay together."""
        if self.column:
            self._column(frame)
        if self.by == "time":
            return _moments(frame[self.column])
        if self.by == "group":
            return _shuffled(group_numbers(frame[self.column]), seed)
        return np.random.default_rng(seed).permutation(len(frame))

    def _fold(self, units: np.ndarray, folds: int) -> np.ndarray:
        """Parts of the rows: one fold is the test, those before it, in an order without an end, the validation."""
        test = _cut(units, [number / folds for number in range(1, folds)]) == self.seed % folds
        part = np.full(len(units), PARTS.index("test"))
        if test.any() and not test.all():
            turned = (units[~test] - units[test].max() - 1) % (units.max() + 1)
            part[~test] = _cut(turned, (1 - self.val * len(units) / (~test).sum(),))
        return part

    def given_parts(self, frame: pd.DataFrame) -> np.ndarray:
        """Parts of the rows as a column names them. InputError for a row for which it does not."""
        column = self._column(frame)
        found = names(column)
        part = found.str.strip().str.lower().map(WORDS)
        wrong = np.flatnonzero(part.isna())
        if len(wrong):
            value = found.iloc[wrong[0]]
            holds = "has no value" if value is None else f"holds '{value}'"
            raise InputError(
                f"column '{self.column}' of task.split.by=given: row {column.index[wrong[0]] + 1} {holds}, expected "
                "train, validation or test"
            )
        return np.array(part.map(PARTS.index), dtype=np.int64)

    def _given(self, frame: pd.DataFrame, bound: np.ndarray | None) -> np.ndarray:
        """The same, with training rows drawn for the validation where the column names none for it."""
        numbers = self.given_parts(frame)
        train = numbers == PARTS.index("train")
        if not (numbers == PARTS.index("val")).any() and train.any():
            groups = self.row_groups(frame[train])
            if groups is None:
                order = np.random.default_rng(self.seed).permutation(int(train.sum()))
            else:  # rows that depend on those of the training would choose an epoch that has learned them by heart
                order = _shuffled(groups, self.seed)
            numbers[train] = _cut_beside(order, self.val, None if bound is None else bound[train])
        return numbers


def _cut(units: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """The part of each row, 0, 1, ..., which begin behind these shares of the rows in the order of their units.

    Rows of one unit (moment, group) stay together, where the first of them would be in the order.
    """
    order, total = np.sort(units), len(units)
    cuts = [order[min(total - 1, round(total * share) - 1)] for share in shares]
    found: np.ndarray = np.searchsorted(np.array(cuts), units, side="left")
    return found


def _cut_beside(units: np.ndarray, val: float, bound: np.ndarray | None) -> np.ndarray:
    """0 for each row that is for training, 1 for validation, in the order of their units; some have their part already.

    Args:
        units: see :func:`_cut`.
        val: share of all these rows that is for validation.
        bound: part of each row that has one, else -1; None: none has.

    Returns:
        ``[N]``.
    """
    if bound is None or (bound < 0).all():
        return _cut(units, (1 - val,))
    found, free = bound.copy(), bound < 0
    count = int(free.sum())
    kept = count - (val * len(units) - (bound == PARTS.index("val")).sum())
    if count:
        found[free] = _cut(units[free], (min(kept / count, 1),)) if round(kept) > 0 else PARTS.index("val")
    return found


def _moments(values: pd.Series) -> np.ndarray:
    """Time as a number. A row without a time belongs to no side of a cut, so it is an InputError."""
    try:
        found = times(values, f"time column '{values.name}'") if not _is_number(values) else values
    except InputError as error:
        raise InputError(f"{error}; if it is, say how it is written, task.formats={{{values.name}: ...}}") from None
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
    """A number for each value, the same for both forms of an accent; rows without one are one group."""
    texts = np.array([*composed(names(values)), None], dtype=object)[:-1]
    found: np.ndarray = pd.factorize(texts, use_na_sentinel=False)[0].astype(np.int64)
    return found


def _shuffled(codes: np.ndarray, seed: int) -> np.ndarray:
    """Group numbers in a random order."""
    places: np.ndarray = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes]
    return places
