"""Which rows of several tables are for training, for validation and for the test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from typing_extensions import override

from mtl.errors import InputError
from mtl.suites.table import Splitting
from mtl.suites.table.other_rows import with_others
from mtl.suites.table.splitting import PARTS, Division, Rows, group_numbers

SOURCE = "table"  # the column that says where a row comes from


@dataclass(frozen=True)
class EachTable(Division):
    """Divides the rows of every table by itself, so that each split has rows of each.

    By group, where a group has rows in several tables, all groups are divided by one draw: else the test of one table
    would have groups that another one has trained the network with. Where a column says what rows are for, so are the
    groups that are drawn for the validation of tables without rows for it; a group that has rows in the training or the
    validation of a table that names both is in that part of all of them.
    """

    splitting: Splitting

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self.splitting.columns

    @property
    @override
    def part_column(self) -> str | None:
        return self.splitting.part_column

    @property
    @override
    def asked(self) -> dict[str, str]:
        return self.splitting.asked

    def rows(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of ``train``, ``val`` and ``test``, table after table."""
        together = self._drawn(frame) if self.by_one_draw(frame) else np.zeros(len(frame), dtype=bool)
        bound = self._bound(frame)
        pieces = [np.flatnonzero(together)] if together.any() else []
        for name in frame[SOURCE].unique():
            places = np.flatnonzero((frame[SOURCE] == name).to_numpy())
            pieces += [] if together[places].all() else [places]
        parts: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
        for places in pieces:
            given = None if bound is None else bound[places]
            if given is not None:
                self._check_free(frame.iloc[places], given)
            for split, rows in self.splitting.rows(frame.iloc[places], given).items():
                parts[split].append(places[rows])
        found = {split: np.concatenate(rows) for split, rows in parts.items()}
        if together.any():
            self._check_tables(frame, found)
        return found

    def by_one_draw(self, frame: pd.DataFrame) -> bool:
        """Whether groups are drawn of which one has rows in several tables."""
        column = self._drawn_column
        if column not in frame.columns:
            return False
        drawn = frame[self._drawn(frame)]
        if not len(drawn):
            return False
        places = pd.DataFrame({"group": group_numbers(drawn[column]), "table": drawn[SOURCE].to_numpy()})
        return bool(places.drop_duplicates()["group"].duplicated().any())

    def binds(self, frame: pd.DataFrame) -> bool:
        """Whether groups of which rows would be drawn are in the training or validation that another table names."""
        return self._bound(frame) is not None

    def _bound(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Of each row of tables of which rows are drawn, the part in which others have its group; None: there is none.

        It is -1 where they do not have it, and in rows of other tables.
        """
        column = self.splitting.groups
        if self.splitting.by != "given" or column not in frame.columns:
            return None
        drawn, part = self._drawn(frame), self.splitting.given_parts(frame)
        groups = group_numbers(frame[column])
        bound = np.full(len(frame), -1)
        for name in ("val", "train"):  # a group in both teaches the network in any case
            number = PARTS.index(name)
            bound[drawn & np.isin(groups, groups[~drawn & (part == number)])] = number
        return bound if (bound >= 0).any() else None

    def _check_free(self, frame: pd.DataFrame, bound: np.ndarray) -> None:
        """InputError if validation rows are to be drawn and no row can be one."""
        train = PARTS.index("train")
        trained = bound[self.splitting.given_parts(frame) == train]
        if len(trained) and (trained == train).all():
            names = " and ".join(f"task.tables.{name}" for name in frame[SOURCE].unique())
            raise InputError(
                f"{names}: column '{self.splitting.column}' names no row for validation, and none can be drawn, as all "
                f"groups of '{self.splitting.groups}' are in the training of other tables: name rows for it there"
            )

    @property
    def _drawn_column(self) -> str | None:
        """Column of the groups that are drawn; None: single rows are."""
        of_way = {"group": self.splitting.column, "given": self.splitting.groups}
        return of_way.get(self.splitting.by)

    def _drawn(self, frame: pd.DataFrame) -> np.ndarray:
        """Of each row, whether it is of a table of which rows are drawn for a split."""
        if self.splitting.by != "given":
            return np.ones(len(frame), dtype=bool)
        validation = self.splitting.given_parts(frame) == PARTS.index("val")
        drawn: np.ndarray = ~frame[SOURCE].isin(frame[SOURCE][validation]).to_numpy()
        return drawn

    def _check_tables(self, frame: pd.DataFrame, parts: Rows) -> None:
        """InputError for a table that a split has no rows of."""
        for split, rows in parts.items():
            lacking = set(frame[SOURCE]) - set(frame[SOURCE].iloc[rows])
            if lacking:
                raise InputError(
                    f"the {split} split has no rows of task.tables.{min(lacking)}: task.split.by={self.splitting.by} "
                    f"divides the groups of '{self._drawn_column}' by one draw for all tables, as some have rows in "
                    "several; try another task.split.seed or other shares"
                )

    @override
    def row_groups(self, frame: pd.DataFrame) -> np.ndarray | None:
        return self.splitting.row_groups(frame)

    @override
    def notes_on_groups(self, frame: pd.DataFrame, rows: Rows) -> list[str]:
        """Also of groups that have rows in several tables."""
        return self.splitting.notes_on_groups(frame, rows)


@dataclass(frozen=True)
class EachTableAndOthers(EachTable):
    """The last rows are of another file, and of the same tables.

    Attributes:
        splitting: divides the rows of a table.
        use: what the other rows are for, see :func:`~mtl.suites.table.other_rows.with_others`.
        count: rows of the other file.
        between: rows of files between those of the tables and that one.
    """

    use: str
    count: int
    between: int

    @override
    def rows(self, frame: pd.DataFrame) -> Rows:
        tables = pd.factorize(frame[SOURCE])[0]
        units = np.where(self._drawn(frame), -1, tables) if self.by_one_draw(frame) else tables
        part = np.empty(len(frame), dtype=np.int64)
        last, other = len(frame) - self.count, len(frame) - self.count - self.between
        for unit in np.unique(units):
            places = np.flatnonzero(units == unit)
            counts = int((places >= last).sum()), int(((places >= other) & (places < last)).sum())
            part[places] = with_others(self.splitting, self.use, *counts).parts(frame.iloc[places])
        found = self.splitting.numbered(part)
        return {split: rows[np.argsort(tables[rows], kind="stable")] for split, rows in found.items()}
