"""Columns of a table to be predicted from its other columns."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pandas.api.types import is_integer_dtype
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, read_statistics
from mtl.suites.batch import Split
from mtl.suites.table.columns import kinds
from mtl.suites.table.encoding import Encoding
from mtl.suites.table.preview import preview
from mtl.suites.table.raw import all_values, raw_encoding
from mtl.suites.table.splitting import Division, Splitting
from mtl.suites.table.targets import Target, TargetSpec, parse_targets

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
        targets: what to predict; see :func:`~mtl.suites.table.targets.parse_targets`.
        columns: kinds of columns that are not as inferred: number, category, time or ignore. Columns that are targets
            or tell the splits apart are no inputs unless they stand here.
        splitting: which rows are for what.
        categories: most values of a category that get an indicator of their own.
        statistics: file in which a run wrote down what it fitted: the tasks and inputs are then exactly that run's, and
            the rows are read only to be served.
        form: ``flat`` or ``columns``, of the inputs.

    Raises:
        InputError: the table does not fit what is asked of it.
    """

    def __init__(
        self,
        read: Callable[[], pd.DataFrame],
        targets: Targets,
        columns: Mapping[str, str] | None = None,
        splitting: Division | None = None,
        categories: int = 50,
        statistics: str | None = None,
        form: str = "flat",
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise unknown("form in task.form", form, FORMS)
        if categories < 0:
            raise InputError(f"task.categories={categories}: expected 0 or more")
        self.read, self.splitting, self.categories = read, splitting or Splitting(), categories
        self.remarks: dict[str, tuple[str, str]] = {}
        self._frame: pd.DataFrame | None = None
        self.statistics_file = None if statistics is None else Path(statistics)
        self.raw: Encoding | None = None
        self.all_values: dict[str, tuple[str, ...]] = {}
        if self.statistics_file is None:
            self._fit(parse_targets(targets), chosen_kinds(columns))
        else:
            self.targets, self.encoding = read_statistics(self.statistics_file, from_statistics)
        self.tasks = tuple(target.build() for target in self.targets)
        self.form = form
        flat = {SINGLE: (len(self.encoding.features),)}
        self.input_shape = flat if form == "flat" else self.encoding.shape

    def _fit(self, specs: Mapping[str, TargetSpec], chosen: Mapping[str, str]) -> None:
        frame = self.frame
        rows = self.splitting.rows(frame)
        train = pd.Series(False, index=frame.index)
        train.iloc[rows["train"]] = True
        self.targets = tuple(Target.fit(name, spec, frame, train.to_numpy()) for name, spec in specs.items())
        left_out = {target.column for target in self.targets} | {self.splitting.column or ""}
        fitted = frame.iloc[rows["train"]]
        self.remarks = kinds(fitted, chosen, left_out)
        self.encoding = Encoding.fit(fitted, {name: kind for name, (kind, _) in self.remarks.items()}, self.categories)

    @property
    def frame(self) -> pd.DataFrame:
        """The table, read at the first use."""
        if self._frame is None:
            found = self.read()  # messages number rows by the index
            self._frame = found if is_integer_dtype(found.index) else found.reset_index(drop=True)
        return self._frame

    @property
    def fingerprint(self) -> str:
        """Hash of the rows, of how they are divided, and of the encoding."""
        found = hashlib.sha256(pd.util.hash_pandas_object(self.frame, index=False).to_numpy().tobytes())
        found.update(repr((list(self.frame.columns), self.splitting, self._fitted())).encode())
        return found.hexdigest()[:16]

    def inputs(self, frame: pd.DataFrame) -> Inputs:
        """New rows as the network reads them; unseen categories count as missing."""
        if self.raw is not None:
            return self.raw.columns_of(frame, torch.float64)
        return {SINGLE: self.encoding.encode(frame)} if self.form == "flat" else self.encoding.columns_of(frame)

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Values of the targets that are no numbers."""
        return {target.task: target.values for target in self.targets if target.values}

    def statistics(self) -> dict[str, Any]:
        """Targets and encoding; of raw columns also all categories."""
        if self.raw is None:
            return self._fitted()
        return self._fitted() | {"categories": {name: list(values) for name, values in self.all_values.items()}}

    def _fitted(self) -> dict[str, Any]:
        return {"targets": [vars(target) for target in self.targets], "columns": self.encoding.plain()}

    @override
    def serve_raw_columns(self) -> None:
        if self.statistics_file is None:
            self.all_values = all_values(self.encoding, self.frame.iloc[self.splitting.rows(self.frame)["train"]])
        else:
            self.all_values = read_statistics(self.statistics_file, lambda found: dict(found["categories"]))
        self.raw = raw_encoding(self.encoding, self.all_values)
        self.input_shape = self.raw.shape

    def load(self) -> dict[str, Split]:
        """Encode the rows of each split."""
        rows = self.splitting.rows(self.frame)
        check_batch(len(rows["train"]), self.batch_size)
        splits = {}
        for name, chosen in rows.items():
            part = self.frame.iloc[chosen]
            labels = {target.task: target.encode(part) for target in self.targets}
            for target in self.targets:
                target.check(labels[target.task], name)
            splits[name] = Split(self.inputs(part), labels)
        return splits

    def preview(self) -> str:
        """Columns, targets and splits."""
        learned = {task.name for task in self.tasks}
        targets = [target for target in self.targets if target.task in learned]
        return preview(self.frame, self.remarks, self.encoding, targets, self.splits)


def chosen_kinds(columns: object) -> dict[str, str]:
    """Kinds by column as a config gives them. InputError if it gives something else."""
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(f"task.columns={columns}: expected kinds by column, e.g. 'task.columns={{zip: category}}'")
    return dict(columns or {})


def check_batch(rows: int, batch_size: int) -> None:
    """InputError if the training rows do not fill one batch."""
    if rows < batch_size:
        raise InputError(f"the table has {rows} training rows, fewer than batch_size={batch_size}: lower batch_size")


def from_statistics(found: Mapping[str, Any]) -> tuple[tuple[Target, ...], Encoding]:
    """The targets and the encoding that :meth:`TableSuite.statistics` wrote down."""
    targets = tuple(Target(**{**entry, "values": tuple(entry["values"])}) for entry in found["targets"])
    return targets, Encoding.of(found["columns"])
