"""Which rows of several tables are for training, for validation and for the test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from typing_extensions import override

from mtl.errors import InputError
from mtl.suites.table import Splitting
from mtl.suites.table.splitting import Division, Rows, group_numbers, with_others

SOURCE = "table"  # the column that says where a row comes from


@dataclass(frozen=True)
class EachTable(Division):
    """Divides the rows of every table by itself, so that each split has rows of each.

    By group, where a group has rows in several tables, all groups are divided by one draw: else the test of one table
    would have groups that another one has trained the network with.
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
        if self.by_one_draw(frame):
            return self._rows_by_one_draw(frame)
        parts: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
        for name in frame[SOURCE].unique():
            places = np.flatnonzero((frame[SOURCE] == name).to_numpy())
            for split, rows in self.splitting.rows(frame.iloc[places]).items():
                parts[split].append(places[rows])
        return {split: np.concatenate(rows) for split, rows in parts.items()}

    def by_one_draw(self, frame: pd.DataFrame) -> bool:
        """Whether rows are divided by groups of which one has rows in several tables."""
        column = self.splitting.column
        if self.splitting.by != "group" or column not in frame.columns:
            return False
        places = pd.DataFrame({"group": group_numbers(frame[column]), "table": frame[SOURCE].to_numpy()})
        return bool(places.drop_duplicates()["group"].duplicated().any())

    def _rows_by_one_draw(self, frame: pd.DataFrame) -> Rows:
        """Row numbers of each split. InputError for a table that a split has no rows of."""
        parts = self.splitting.rows(frame)
        for split, rows in parts.items():
            lacking = set(frame[SOURCE]) - set(frame[SOURCE].iloc[rows])
            if lacking:
                raise InputError(
                    f"the {split} split has no rows of task.tables.{min(lacking)}: task.split.by=group divides the "
                    f"groups of '{self.splitting.column}' by one draw for all tables, as some have rows in several; "
                    "try another task.split.seed or other shares"
                )
        return parts

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
        use: what the other rows are for, see :func:`~mtl.suites.table.splitting.with_others`.
        count: rows of the other file.
        between: rows of files between those of the tables and that one.
    """

    use: str
    count: int
    between: int

    @override
    def rows(self, frame: pd.DataFrame) -> Rows:
        tables = pd.factorize(frame[SOURCE])[0]
        units = np.zeros_like(tables) if self.by_one_draw(frame) else tables
        part = np.empty(len(frame), dtype=np.int64)
        last, other = len(frame) - self.count, len(frame) - self.count - self.between
        for unit in np.unique(units):
            places = np.flatnonzero(units == unit)
            counts = int((places >= last).sum()), int(((places >= other) & (places < last)).sum())
            part[places] = with_others(self.splitting, self.use, *counts).parts(frame.iloc[places])
        found = self.splitting.numbered(part)
        return {split: rows[np.argsort(tables[rows], kind="stable")] for split, rows in found.items()}
