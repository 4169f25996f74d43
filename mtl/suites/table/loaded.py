"""The rows of a table as they are learned from: read once, typed, divided, with those of further files behind them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from mtl.errors import InputError, absent, unknown
from mtl.suites.table.columns import numbers, read_alike
from mtl.suites.table.later_rows import OPTION, LaterRows
from mtl.suites.table.named import named_as
from mtl.suites.table.other_rows import with_others
from mtl.suites.table.reading import NOTES, TEXTS
from mtl.suites.table.splitting import Division, Rows, Splitting
from mtl.suites.table.stacking import stacked
from mtl.suites.table.types import ColumnType, fit_types, other_zones, typed, zones_of

OF_TEST, OF_LATER = "task.path_test", "task.path_later"  # options that name further files


class LoadedTable:
    """The rows of a table, read at their first use.

    Args:
        read: gives the rows.
        splitting: which rows are for what.
        formats: how the times or numbers of columns are written, where the file does not decide it.
        labels: columns that hold what is to be predicted.
        asked: types that options ask for, by column; see :func:`~mtl.suites.table.fitting.asked_types`.
        chosen: columns whose kinds are chosen.
        types: of the columns that are texts in the file, as a run has fitted them; None: they are fitted, and a column
            of ``chosen`` or ``formats`` that is not there is an InputError.
        named: columns that a run has fitted.
        zones: whether columns that are times in the file have a zone, as a run has found it.
        row_weight: column of the weight of each row; None: 1 each.
        read_test: gives the test rows, where they are in a file of their own.
        read_later: each gives rows that came after all those before it.
        later: what comes after the rows of a suite that has rows of its own; None: nothing does.

    Attributes:
        splitting: also of the rows of further files, once these are read.
        notes: what the user should know of how the table was read.
        types: as given, or as fitted.
        zones: whether columns that are times in the file have a zone, as given or as found.
        written: the cells as they stand, while types are being fitted.
        added: how many rows of further files stand behind those of the table.
        others_option: the option that named the last of them.
        watches: rows of further files may lack labels, even their column.
        without_column: by name of a column that they lack so, what was found.
    """

    def __init__(
        self,
        read: Callable[[], pd.DataFrame],
        splitting: Division,
        formats: Mapping[str, str],
        labels: Collection[str],
        asked: Mapping[str, str] | None = None,
        chosen: Collection[str] = (),
        types: dict[str, ColumnType] | None = None,
        named: Sequence[str] = (),
        zones: Mapping[str, bool] | None = None,
        row_weight: str | None = None,
        read_test: Callable[[], pd.DataFrame] | None = None,
        read_later: Sequence[Callable[[], pd.DataFrame]] = (),
        later: LaterRows | None = None,
    ) -> None:
        self.asked = asked or {}
        self.read, self.splitting, self.types = read, splitting, types
        self.formats, self.labels, self.chosen = formats, labels, chosen
        self.named = [*self.asked, *chosen, *formats, *splitting.columns, *named]
        self.row_weight, self.read_test, self.read_later, self.later = row_weight, read_test, read_later, later
        self.zones: Mapping[str, bool] = zones or {}
        self.notes: list[str] = []
        self.written: pd.DataFrame | None = None
        self.added, self.others_option = 0, ""
        self.watches = False
        self.without_column: dict[str, str] = {}
        self._frame: pd.DataFrame | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The table, its columns of texts as what they are."""
        if self._frame is None:
            found = named_as(self.read(), self.named)
            self.notes += found.attrs.get(NOTES, [])
            declared = not found.attrs.get(TEXTS, False)
            # Messages number rows by the index
            found = found if is_integer_dtype(found.index) else found.reset_index(drop=True)
            if self.types is None:
                for option, names in (("task.columns", self.chosen), ("task.formats", self.formats)):
                    for name in names:
                        if name not in found.columns:
                            raise unknown(f"column in {option}", name, found.columns)
                self.types, self.written = fit_types(found, self.asked, self.formats, declared), found
                self.zones = zones_of(found)
            self._frame = typed(found, self.types)
            for read, option, use in self._further():
                self._add_rows(self._frame, read(), option, use)
        return self._frame

    @property
    def own(self) -> pd.DataFrame:
        """The rows of the table itself."""
        frame = self.frame
        return frame.iloc[: len(frame) - self.added]

    def rows(self) -> Rows:
        """Row numbers by split."""
        frame = self.frame  # reading it may change how rows are divided
        return self.splitting.rows(frame)

    def row_weights(self) -> np.ndarray | None:
        """The weights of all rows, 1 on average over the training rows. InputError for one that is none."""
        if self.row_weight is None:
            return None
        frame, rows = self.frame, self.rows()
        if self.row_weight not in frame.columns:
            raise unknown("column in task.row_weight", self.row_weight, frame.columns)
        what = f"column '{self.row_weight}' of task.row_weight"
        found = numbers(frame[self.row_weight], what)
        bad = np.flatnonzero(~(found >= 0))
        if len(bad):
            holds = "has no value" if np.isnan(found[bad[0]]) else f"holds {found[bad[0]]:g}"
            raise InputError(f"{what}: row {frame.index[bad[0]] + 1} {holds}, expected a number, 0 or more")
        for name, chosen in rows.items():
            if not found[chosen].any():
                raise InputError(f"{what} is 0 in every row of the {name} split")
        weights: np.ndarray = found / found[rows["train"]].mean()
        return weights

    def _further(self) -> Iterator[tuple[Callable[[], pd.DataFrame], str, str | None]]:
        """Of each further file what reads it, the option that named it, and what its rows are for; see _add_rows."""
        if self.read_test is not None:
            yield self.read_test, OF_TEST, "test"
        for number, read in enumerate(self.read_later, start=1):
            yield read, OF_LATER, "after" if number == len(self.read_later) else None
        if self.later is not None:
            *before, latest = self.later.readers()
            for read in before:
                yield read, OPTION, None
            yield latest, OPTION, self.later.use

    def _add_rows(self, own: pd.DataFrame, others: pd.DataFrame, option: str, use: str | None) -> None:
        """Put the rows of another file, read as the table's are, behind them.

        Args:
            own: the table.
            others: the rows.
            option: what named their file, for messages.
            use: what they are for, see :func:`~mtl.suites.table.other_rows.with_others`; None: they are like those of
                the table, or trained on where further rows follow.

        Raises:
            InputError: they have not the same columns.
        """
        others = self.comparable(named_as(others, own.columns), option)
        may_lack = self.labels if self.watches else ()
        for name in own.columns:
            if name not in others.columns:
                missing = absent(f"column in {option}", str(name), others.columns)
                if name not in may_lack:
                    raise missing
                self.without_column[str(name)] = str(missing)
                others = others.assign(**{str(name): pd.Series(None, index=others.index, dtype=object)})
        unlike = [line for name, one in (self.types or {}).items() for line in one.unfamiliar(others[name])]
        unlike += [line for name, zone in self.zones.items() for line in other_zones(name, zone, others[name])]
        self.notes += [f"{option}: {line}" for line in unlike]
        try:
            others = typed(others[list(own.columns)], self.types or {})
            for name in own.columns:
                others[name] = read_alike(others[name], own[name], f"column '{name}'")
        except InputError as error:
            raise InputError(f"{option}: {error}") from None
        self._frame = stacked([own, others]).reset_index(drop=True)
        self.others_option = option
        if use is not None:
            self.splitting = self.divided(use, len(others), self.added)
        self.added += len(others)

    def comparable(self, others: pd.DataFrame, option: str) -> pd.DataFrame:
        """The rows of another file with what can be told of the columns that they lack.

        Args:
            others: the rows.
            option: what named their file, for messages.

        Returns:
            The rows.

        Raises:
            InputError: it cannot be told what they are.
        """
        return others

    def divided(self, use: str, count: int, between: int) -> Division:
        """What says which rows are for what, where rows of further files stand last.

        Args:
            use: what the last ones are for.
            count: how many they are.
            between: how many of other files stand before them.

        Returns:
            It.
        """
        assert isinstance(self.splitting, Splitting)
        return with_others(self.splitting, use, count, between)
