"""Columns of a table to be predicted from its other columns."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, read_statistics
from mtl.suites.batch import Split
from mtl.suites.table.copies import copied
from mtl.suites.table.encoding import WAYS, Encoding
from mtl.suites.table.fields import from_plain
from mtl.suites.table.fitting import Remarks, TableFit, asked_types, in_order_of_columns
from mtl.suites.table.later_rows import LaterRows
from mtl.suites.table.leaks import leaks
from mtl.suites.table.loaded import LoadedTable
from mtl.suites.table.named import named_as
from mtl.suites.table.preview import preview
from mtl.suites.table.raw import all_values, raw_encoding
from mtl.suites.table.splitting import Division, Splitting
from mtl.suites.table.target_specs import parse_targets
from mtl.suites.table.targets import Target
from mtl.suites.table.types import ColumnType, other_zones, typed
from mtl.tasks import with_row_weights

Targets = Mapping[str, str | Mapping[str, Any]]
FORMS = ("flat", "columns")


class TableSuite(MultiTaskDataModule):
    """Tasks over the columns of one table.

    Inputs, for any encoder of flat inputs, are ``x [N, F]``: numbers standardised, categories as indicators, times as
    angles and age, each with what says that it is missing (see :class:`~mtl.suites.table.encoding.Encoding`). Or, for
    encoders of tables, ``numbers [N, F]``, NaN where missing, and ``categories [N, C]``, -1 where missing or unseen.
    What is no network reads the latter with numbers in their own units, double precision, and with every category of
    the training rows, numbered by how frequent it is. All of it is fitted on the training rows.

    Args:
        read: gives the rows; called once, when the suite is built, since the tasks depend on the values.
        targets: what to predict; see :func:`~mtl.suites.table.target_specs.parse_targets`.
        columns: kinds of columns that are not as inferred: number, category, time or ignore. Columns that are targets
            or tell the splits apart are no inputs unless they stand here.
        splitting: which rows are for what.
        categories: most values of a category that get an indicator of their own.
        statistics: file in which a run wrote down what it fitted: the tasks and inputs are then exactly that run's, and
            the rows are read only to be served.
        form: ``flat`` or ``columns``, of the inputs.
        formats: how the times or numbers of columns are written, where the file does not decide it; see
            :class:`~mtl.suites.table.types.ColumnType`.
        numbers: ``standard``; ``quantile``: mapped to a normal distribution by the quantiles of the training rows; or
            ``robust``: scaled by median and quartiles, and smoothly limited.
        read_test: gives the test rows, where they are in a file of their own; ``splitting`` then divides the others.
        row_weight: column of the weight that each row has in every loss and metric, which is no input; None: 1 each.
        read_later: each gives rows that came after all those before it. The last of them are trained on, validated and
            tested; see :class:`~mtl.suites.table.other_rows.WithLaterRows`.
        by_column: the tasks stand in the order of their columns in the table, in whatever order ``targets`` names them;
            False: in that order.
        later: files of rows that came after those that ``read`` gives, and what they are for, of a suite that has rows
            of its own; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Attributes:
        notes: what the user should know of how the table was read.
        table: its rows.
        watches: see :meth:`watch`.

    Raises:
        InputError: the table does not fit what is asked of it.
    """

    loaded: ClassVar[type[LoadedTable]] = LoadedTable

    def __init__(
        self,
        read: Callable[[], pd.DataFrame],
        targets: Targets,
        columns: Mapping[str, str] | None = None,
        splitting: Division | None = None,
        categories: int = 50,
        statistics: str | None = None,
        form: str = "flat",
        formats: Mapping[str, str] | None = None,
        numbers: str = "standard",
        read_test: Callable[[], pd.DataFrame] | None = None,
        row_weight: str | None = None,
        read_later: Sequence[Callable[[], pd.DataFrame]] = (),
        by_column: bool = False,
        later: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if numbers not in WAYS:
            raise unknown("way in task.numbers", numbers, WAYS)
        if form not in FORMS:
            raise unknown("form in task.form", form, FORMS)
        if categories < 0:
            raise InputError(f"task.categories={categories}: expected 0 or more")
        self.form = form
        self.row_weight = None if row_weight is None else str(row_weight)  # a column may be called 2020
        self.statistics_file = None if statistics is None else Path(statistics)
        chosen = chosen_kinds(columns)
        self.ignored = [name for name, kind in chosen.items() if kind == "ignore"]
        self.watches = False
        self.remarks: Remarks = {}
        self.raw: Encoding | None = None
        self.all_values: dict[str, tuple[str, ...]] = {}
        division: Division = splitting or Splitting()
        load = partial(
            self.loaded,
            read,
            division,
            checked_formats(formats),
            row_weight=self.row_weight,
            read_test=read_test,
            read_later=read_later,
            later=LaterRows.of(later),
        )
        if self.statistics_file is None:
            specs = parse_targets(targets)
            asked = asked_types(specs, chosen, division, self.row_weight)
            labels = [name for spec in specs.values() for name in (spec.column, spec.event) if name]
            self.table = load(labels, asked=asked, chosen=chosen)
            self.notes = self.table.notes
            ordered = in_order_of_columns(specs, self.frame) if by_column else specs
            self.reordered = list(specs) != list(ordered)
            fit = TableFit(self.table, ordered, chosen, self._leaks, categories, numbers)
            self.targets, self.remarks, self.encoding = fit.targets, fit.remarks, fit.encoding
        else:
            self.targets, self.encoding, types, zones = read_statistics(self.statistics_file, from_statistics)
            labels = [name for target in self.targets for name in (target.column, target.event) if name]
            named = [*labels, *(column.name for column in self.encoding.columns), *types]
            self.table = load(labels, types=types, named=named, zones=zones)
            self.notes = self.table.notes
        tasks = [target.build() for target in self.targets]
        self.tasks = tuple(with_row_weights(task) for task in tasks) if self.row_weight else tuple(tasks)
        self.most_values = self.encoding.most_values
        flat = {SINGLE: (len(self.encoding.features),)}
        self.input_shape = flat if form == "flat" else self.encoding.shape

    @property
    def frame(self) -> pd.DataFrame:
        """The table, read at the first use, its columns of texts as what they are."""
        return self.table.frame

    @property
    def splitting(self) -> Division:
        """Which rows are for what."""
        return self.table.splitting

    def watch(self) -> None:
        """Rows of other files may lack labels of a task, even their column: they are measured, not learned."""
        self.watches = self.table.watches = True

    def _leaks(
        self, own: pd.DataFrame, remarks: Remarks, train: np.ndarray, labels: Sequence[str]
    ) -> dict[str, tuple[str, bool]]:
        """What speaks against inputs, see :func:`~mtl.suites.table.leaks.leaks`."""
        return leaks(own, remarks, train, labels)

    @property
    def fingerprint(self) -> str:
        """Hash of the rows, of how they are divided and weighted, and of the encoding."""
        found = hashlib.sha256(pd.util.hash_pandas_object(self.frame, index=False).to_numpy().tobytes())
        encoding = self._fitted() | {"targets": [target.labels for target in self.targets]}
        if "types" in encoding:  # whether times say their zone stands in the rows
            encoding["types"] = [{key: one[key] for key in one if key != "zone"} for one in encoding["types"]]
        found.update(repr((list(self.frame.columns), self.splitting, encoding)).encode())
        if self.row_weight is not None:  # metrics are then others, also of the same inputs and labels
            found.update(f"row_weight={self.row_weight}".encode())
        return found.hexdigest()[:16]

    def inputs(self, frame: pd.DataFrame) -> Inputs:
        """New rows as the network reads them; unseen categories count as missing."""
        frame = self._typed_inputs(frame)
        if self.raw is not None:
            return self.raw.columns_of(frame, torch.float64)
        return {SINGLE: self.encoding.encode(frame)} if self.form == "flat" else self.encoding.columns_of(frame)

    def _typed_inputs(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame = named_as(frame, [column.name for column in self.encoding.columns])
        self.encoding.check(frame)
        types = self.table.types or {}
        return typed(frame, {one.name: types[one.name] for one in self.encoding.columns if one.name in types})

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Values of the targets that are no numbers."""
        return {target.task: target.values for target in self.targets if target.values}

    @property
    @override
    def parts(self) -> dict[str, tuple[str, ...]]:
        return {target.task: target.parts for target in self.targets if target.parts}

    @override
    def unfamiliar(self, frame: pd.DataFrame) -> list[str]:
        frame = named_as(frame, [column.name for column in self.encoding.columns])
        types, found = self.table.types or {}, self._typed_inputs(frame)
        lines = []
        for column in self.encoding.columns:
            if column.name in types:
                lines += types[column.name].unfamiliar(frame[column.name])
            lines += other_zones(column.name, self.table.zones.get(column.name), frame[column.name])
            lines += column.unfamiliar(found[column.name])
        return lines

    @override
    def own_units(self, task: str, values: Tensor) -> list[float]:
        (target,) = (target for target in self.targets if target.task == task)
        return target.own_units(values.double().cpu().numpy())

    def copies(self) -> int:
        """How many test rows are copies of rows that are none, see :func:`copied`.

        In all columns that both have and that nobody has chosen to ignore, as the one that said what rows are for.
        """
        apart = [*self.table.without_column, *self.ignored]
        frame, rows = self.frame.drop(columns=apart, errors="ignore"), self.table.rows()
        return copied(frame, rows["test"], np.concatenate([rows["train"], rows["val"]]))

    def rows_of(self, split: str) -> pd.DataFrame:
        """The rows of a split, numbered from 0."""
        return self.frame.iloc[self.table.rows()[split]].reset_index(drop=True)

    def statistics(self) -> dict[str, Any]:
        """Targets, encoding, what columns are in the file; of raw columns also all categories."""
        fitted = self._fitted() | ({"zones": dict(self.table.zones)} if self.table.zones else {})
        if self.raw is None:
            return fitted
        return fitted | {"categories": {name: list(values) for name, values in self.all_values.items()}}

    def _fitted(self) -> dict[str, Any]:
        types = {"types": [one.plain() for one in self.table.types.values()]} if self.table.types else {}
        return {"targets": [target.plain() for target in self.targets], "columns": self.encoding.plain(), **types}

    @override
    def serve_raw_columns(self) -> None:
        self.raw_columns = True
        if self.statistics_file is None:
            self.all_values = all_values(self.encoding, self.frame.iloc[self.table.rows()["train"]])
        else:
            self.all_values = read_statistics(self.statistics_file, lambda found: dict(found["categories"]))
        self.raw = raw_encoding(self.encoding, self.all_values)
        self.input_shape = self.raw.shape

    def load(self) -> dict[str, Split]:
        """Encode the rows of each split."""
        rows, weights, groups = self.table.rows(), self.table.row_weights(), self.splitting.row_groups(self.frame)
        check_batch(len(rows["train"]), self.batch_size)
        splits = {}
        for name, chosen in rows.items():
            part = self.frame.iloc[chosen]
            labels = {target.task: target.encode(part) for target in self.targets}
            of_rows = None if weights is None else torch.tensor(weights[chosen], dtype=torch.float32)
            for target in self.targets:
                found = labels[target.task]
                # What is not learned, or does not count, need not be measured
                if not self.watches and (name == "train" or target.task in self.main):
                    target.check(found if of_rows is None else found[of_rows > 0], name)
            together = None if groups is None else torch.from_numpy(groups[chosen])
            splits[name] = Split(self.inputs(part), labels, of_rows, together)
        return splits

    @override
    def check_batch_size(self) -> None:
        check_batch(len(self.table.rows()["train"]), self.batch_size)

    def preview(self) -> str:
        """Columns, targets and splits."""
        learned = {task.name for task in self.tasks}
        targets = [target for target in self.targets if target.task in learned]
        return preview(self.frame, self.remarks, self.encoding, targets, self.splits)


def chosen_kinds(columns: object) -> dict[str, str]:
    """Kinds by column as a config gives them. InputError if it gives something else."""
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(f"task.columns={columns}: expected kinds by column, e.g. 'task.columns={{zip: category}}'")
    return {str(name): kind for name, kind in (columns or {}).items()}


def check_batch(rows: int, batch_size: int) -> None:
    """InputError if the training rows do not fill one batch."""
    if rows < batch_size:
        raise InputError(f"the table has {rows} training rows, fewer than batch_size={batch_size}: lower batch_size")


def checked_formats(formats: object) -> dict[str, str]:
    """How times and numbers are written, by column. InputError if a config gives something else."""
    if formats is not None and not isinstance(formats, Mapping):
        raise InputError(
            f"task.formats={formats}: expected a way by column, e.g. 'task.formats={{birthday: day_first}}'"
        )
    return {str(name): str(way) for name, way in (formats or {}).items()}


def from_statistics(
    found: Mapping[str, Any],
) -> tuple[tuple[Target, ...], Encoding, dict[str, ColumnType], dict[str, bool]]:
    """The targets, the encoding, the types and the zones that :meth:`TableSuite.statistics` wrote down."""
    targets = tuple(Target.of(entry) for entry in found["targets"])
    types = {entry["name"]: from_plain(ColumnType, entry) for entry in found.get("types", [])}
    return targets, Encoding.of(found["columns"]), types, dict(found.get("zones", {}))
