"""Columns of a table to be predicted from its other columns."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_integer_dtype
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, absent, unknown
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, read_statistics
from mtl.suites.batch import Split
from mtl.suites.table.columns import kinds, numbers, read_alike
from mtl.suites.table.doubtful_numbers import days_as_numbers, decimals_or_thousands
from mtl.suites.table.encoding import WAYS, CategoryColumn, Encoding
from mtl.suites.table.later_rows import OPTION, LaterRows
from mtl.suites.table.leaks import FEWEST, choice, leaks
from mtl.suites.table.named import named_as
from mtl.suites.table.nearly import nearly_typed
from mtl.suites.table.oddities import no_values, total_row
from mtl.suites.table.preview import preview
from mtl.suites.table.raw import all_values, raw_encoding
from mtl.suites.table.reading import NOTES, TEXTS
from mtl.suites.table.splitting import Division, Rows, Splitting, with_others
from mtl.suites.table.stacking import stacked
from mtl.suites.table.target_specs import NUMERIC, TargetSpec, identifier, parse_targets
from mtl.suites.table.targets import Target, rare_classes, yes_and_no
from mtl.suites.table.types import NUMBER, TEXT, TIME, ColumnType, fit_types, taken_as_values, typed
from mtl.tasks import with_row_weights

Targets = Mapping[str, str | Mapping[str, Any]]
FORMS = ("flat", "columns")
COPIES = 0.1  # of the test rows, from which on copies of training rows are worth a line
# Types of text columns of a kind that the user chooses; of one that is left out, texts say nothing
ASKED = {"category": TEXT, "number": NUMBER, "time": TIME, "ignore": TEXT}


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
            tested; see :class:`~mtl.suites.table.splitting.WithLaterRows`.
        by_column: the tasks stand in the order of their columns in the table, in whatever order ``targets`` names them;
            False: in that order.
        later: files of rows that came after those that ``read`` gives, and what they are for, of a suite that has rows
            of its own; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Attributes:
        notes: what the user should know of how the table was read.
        watches: rows of other files may lack labels of a task, even their column: they are measured, not learned.
        without_column: by name of a column that they lack so, what was found.
        later: what comes after the suite's own rows; None: nothing does.

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
        formats: Mapping[str, str] | None = None,
        numbers: str = "standard",
        read_test: Callable[[], pd.DataFrame] | None = None,
        row_weight: str | None = None,
        read_later: Sequence[Callable[[], pd.DataFrame]] = (),
        by_column: bool = False,
        later: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.by_column = by_column
        self.later = LaterRows.of(later)
        self._labels: set[str] = set()
        self.row_weight = None if row_weight is None else str(row_weight)  # a column may be called 2020
        self.read_test, self.read_later = read_test, read_later
        if numbers not in WAYS:
            raise unknown("way in task.numbers", numbers, WAYS)
        self.scaling = numbers
        if form not in FORMS:
            raise unknown("form in task.form", form, FORMS)
        if categories < 0:
            raise InputError(f"task.categories={categories}: expected 0 or more")
        self.read, self.categories = read, categories
        self.splitting: Division = splitting or Splitting()
        self.watches = False
        self.without_column: dict[str, str] = {}
        self._added = 0  # rows of another file, behind those of the table
        self.remarks: dict[str, tuple[str, str]] = {}
        self.types: dict[str, ColumnType] | None = None
        self._asked: dict[str, str] = {}
        self._chosen: Mapping[str, str] = {}
        self._formats = checked_formats(formats)
        self._frame: pd.DataFrame | None = None
        self._written: pd.DataFrame | None = None  # the cells as they stand, while types are being fitted
        self.statistics_file = None if statistics is None else Path(statistics)
        self.raw: Encoding | None = None
        self.all_values: dict[str, tuple[str, ...]] = {}
        if self.statistics_file is None:
            self._fit(parse_targets(targets), chosen_kinds(columns))
        else:
            self.targets, self.encoding, self.types = read_statistics(self.statistics_file, from_statistics)
            self._labels = {name for target in self.targets for name in (target.column, target.event) if name}
        tasks = [target.build() for target in self.targets]
        self.tasks = tuple(with_row_weights(task) for task in tasks) if self.row_weight else tuple(tasks)
        self.form = form
        self.most_values = self.encoding.most_values
        flat = {SINGLE: (len(self.encoding.features),)}
        self.input_shape = flat if form == "flat" else self.encoding.shape

    def _fit(self, specs: Mapping[str, TargetSpec], chosen: Mapping[str, str]) -> None:
        # A column that divides the rows is looked at, also where it is to be no input
        read = [name for name, kind in chosen.items() if kind != "ignore" or name not in self.splitting.columns]
        self._asked = {name: ASKED[chosen[name]] for name in read if chosen[name] in ASKED}
        self._asked |= self.splitting.asked
        self._asked |= {spec.column: NUMBER if spec.kind in NUMERIC else TEXT for spec in specs.values()}
        self._asked |= {spec.event: TEXT for spec in specs.values() if spec.event}
        self._asked |= {self.row_weight: NUMBER} if self.row_weight else {}
        self._labels = {name for spec in specs.values() for name in (spec.column, spec.event) if name}
        self._chosen = chosen
        frame, rows = self.frame, self._rows()
        typed, specs = list(specs), in_order_of_columns(specs, frame) if self.by_column else specs
        self.reordered = typed != list(specs)
        weights = self._row_weights()
        # A row that counts for nothing may hold anything
        counted = rows["train"] if weights is None else rows["train"][weights[rows["train"]] > 0]
        train = pd.Series(False, index=frame.index)
        train.iloc[counted] = True
        self.targets = tuple(Target.fit(name, spec, frame, train.to_numpy(), weights) for name, spec in specs.items())
        self.notes += [
            f"target '{target.column}': '{target.values[1]}' counts as yes; for the other one, say positive: "
            f"{target.values[0]}"
            for target in self.targets
            if target.kind == "binary" and not specs[target.task].positive and not yes_and_no(target.values)
        ]
        self.notes += [note for target in self.targets for note in rare_classes(target, frame, rows["train"])]
        left_out = {target.column for target in self.targets}
        left_out |= {*self.splitting.columns, *([self.row_weight] if self.row_weight else [])}
        left_out |= {target.event for target in self.targets if target.event}
        if weights is not None:
            self.notes.append(
                f"rows are weighted by column '{self.row_weight}' in all losses and metrics, by {weights.min():.4g} to "
                f"{weights.max():.4g} times the mean of the training rows"
            )
        fitted = frame.iloc[counted]
        self.remarks = kinds(fitted, chosen, left_out)
        own = frame.iloc[: len(frame) - self._added]  # an identifier may begin anew in another file
        labels = [name for spec in specs.values() for name in (spec.column, spec.event) if name]
        self._leave_out(self._leaks(own, rows["train"][rows["train"] < len(own)], labels))
        self.notes += [
            f"column '{name}' has labels and is an input, as task.columns says: its task is told what to predict; to "
            "leave it out, take it out of task.columns"
            for name in labels
            if self.remarks.get(name, ("ignore", ""))[0] != "ignore"
        ]
        used = {name for name, (kind, _) in self.remarks.items() if kind == "category"}
        used |= {spec.column for spec in specs.values() if spec.kind not in NUMERIC}
        self.notes += [note for name in frame.columns if name in used for note in taken_as_values(frame[name])]
        guessed = [
            name for name, (kind, _) in self.remarks.items() if kind in ("category", "ignore") and name not in chosen
        ]
        self.notes += [note for name in guessed if name in (self.types or {}) for note in nearly_typed(frame[name])]
        numeric = {name for name, (kind, _) in self.remarks.items() if kind in ("number", "time")}
        numeric |= {spec.column for spec in specs.values() if spec.kind in NUMERIC}
        assert self._written is not None
        numbered = [name for name, (kind, _) in self.remarks.items() if kind == "number" and name not in chosen]
        self.notes += [note for name in numbered for note in days_as_numbers(self._written[name])]
        unclear = [str(name) for name in frame.columns if name in numeric and name not in self._formats]
        self.notes += [note for name in unclear for note in decimals_or_thousands(self._written[name])]
        self.notes += no_values(self._written, own, [str(name) for name in frame.columns if name in numeric])
        self.notes += total_row(self._written)
        self._written = None
        # Rows that differ in their number alone, or in what they are for, are the same to what learns
        apart = {name for name, (kind, _) in self.remarks.items() if kind == "ignore"} | {self.splitting.part_column}
        self.notes += _copies(frame[[name for name in frame.columns if name not in apart]], rows)
        self.notes += self.splitting.notes_on_groups(frame, rows)
        found = {name: kind for name, (kind, _) in self.remarks.items()}
        if all(kind == "ignore" for kind in found.values()):
            why = [f"'{name}' is left out: {remark}" for name, (_, remark) in self.remarks.items()]
            raise InputError(f"no input column is left; {'; '.join(why[:3]) or 'all are targets'}; see task.columns")
        self.encoding = Encoding.fit(fitted, found, self.categories, self.scaling)
        categories = [column for column in self.encoding.columns if isinstance(column, CategoryColumn)]
        self.notes += [note for column in categories for note in column.mostly_others(fitted[column.name])]
        added = frame.iloc[len(own) :]
        if len(added):
            unlike = [line for column in self.encoding.columns for line in column.unfamiliar(added[column.name])]
            option = OPTION if self.later else f"task.path_{'test' if self.read_test else 'later'}"
            self.notes += [f"{option}: {line}" for line in unlike]

    def _leaks(self, own: pd.DataFrame, train: np.ndarray, labels: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """What speaks against inputs, see :func:`~mtl.suites.table.leaks.leaks`."""
        return leaks(own, self.remarks, train, labels)

    def _leave_out(self, found: Mapping[str, tuple[str, bool]]) -> None:
        """Leave out the columns of which nothing for new rows can be learned, unless no other input is left."""
        inputs = {name for name, (kind, _) in self.remarks.items() if kind != "ignore"}
        certain = {name for name, (_, sure) in found.items() if sure}
        for name, (reason, _) in found.items():
            kind = self.remarks[name][0]
            if name in certain and inputs - certain:
                self.remarks[name] = "ignore", reason
                self.notes.append(f"column '{name}' is left out: {reason}; to learn from it: {choice(name, kind)}")
            else:
                self.notes.append(f"column '{name}' is an input: {reason}; to leave it out: {choice(name, 'ignore')}")

    @property
    def frame(self) -> pd.DataFrame:
        """The table, read at the first use, its columns of texts as what they are."""
        if self._frame is None:
            found = named_as(self.read(), self.named_columns())
            self.notes += found.attrs.get(NOTES, [])
            declared = not found.attrs.get(TEXTS, False)
            # Messages number rows by the index
            found = found if is_integer_dtype(found.index) else found.reset_index(drop=True)
            if self.types is None:
                for option, names in (("task.columns", self._chosen), ("task.formats", self._formats)):
                    for name in names:
                        if name not in found.columns:
                            raise unknown(f"column in {option}", name, found.columns)
                self.types, self._written = fit_types(found, self._asked, self._formats, declared), found
            self._frame = typed(found, self.types)
            if self.read_test is not None:
                self._add_rows(self._frame, self.read_test(), "task.path_test", "test")
            for number, read in enumerate(self.read_later, start=1):
                last = number == len(self.read_later)
                self._add_rows(self._frame, read(), "task.path_later", "after" if last else None)
            if self.later is not None:
                *before, latest = self.later.readers()
                for read in before:
                    self._add_rows(self._frame, read(), OPTION, None)
                self._add_rows(self._frame, latest(), OPTION, self.later.use)
        return self._frame

    def named_columns(self) -> list[str]:
        """Names of columns that options, or what a run fitted, have."""
        named = [*self._asked, *self._chosen, *self._formats, *self.splitting.columns]
        if self.statistics_file is None:
            return named
        labels = [name for target in self.targets for name in (target.column, target.event) if name]
        return [*named, *labels, *(column.name for column in self.encoding.columns), *(self.types or {})]

    def _rows(self) -> Rows:
        """Row numbers by split."""
        frame = self.frame  # reading it may change how rows are divided
        return self.splitting.rows(frame)

    def _row_weights(self) -> np.ndarray | None:
        """The weights of all rows, 1 on average over the training rows. InputError for one that is none."""
        if self.row_weight is None:
            return None
        frame, train = self.frame, self._rows()["train"]
        if self.row_weight not in frame.columns:
            raise unknown("column in task.row_weight", self.row_weight, frame.columns)
        what = f"column '{self.row_weight}' of task.row_weight"
        found = numbers(frame[self.row_weight], what)
        bad = np.flatnonzero(~(found >= 0))
        if len(bad):
            holds = "has no value" if np.isnan(found[bad[0]]) else f"holds {found[bad[0]]:g}"
            raise InputError(f"{what}: row {frame.index[bad[0]] + 1} {holds}, expected a number, 0 or more")
        for name, chosen in self._rows().items():
            if not found[chosen].any():
                raise InputError(f"{what} is 0 in every row of the {name} split")
        weights: np.ndarray = found / found[train].mean()
        return weights

    def _add_rows(self, own: pd.DataFrame, others: pd.DataFrame, option: str, use: str | None) -> None:
        """Put the rows of another file, read as the table's are, behind them.

        Args:
            own: the table.
            others: the rows.
            option: what named their file, for messages.
            use: what they are for, see :func:`~mtl.suites.table.splitting.with_others`; None: they are like those of
                the table, or trained on where further rows follow.

        Raises:
            InputError: they have not the same columns.
        """
        others = self._comparable(own, named_as(others, own.columns), option)
        labels = self._labels if self.watches else set()
        for name in own.columns:
            if name not in others.columns:
                missing = absent(f"column in {option}", str(name), others.columns)
                if name not in labels:
                    raise missing
                self.without_column[str(name)] = str(missing)
                others = others.assign(**{str(name): pd.Series(None, index=others.index, dtype=object)})
        unlike = [line for name, one in (self.types or {}).items() for line in one.unfamiliar(others[name])]
        self.notes += [f"{option}: {line}" for line in unlike]
        try:
            others = typed(others[list(own.columns)], self.types or {})
            for name in own.columns:
                others[name] = read_alike(others[name], own[name], f"column '{name}'")
        except InputError as error:
            raise InputError(f"{option}: {error}") from None
        self._frame = stacked([own, others]).reset_index(drop=True)
        if use is not None:
            self.splitting = self._divided(use, len(others), self._added)
        self._added += len(others)

    def _comparable(self, own: pd.DataFrame, others: pd.DataFrame, option: str) -> pd.DataFrame:
        """The rows of another file with what can be told of the columns that they lack; arguments as before."""
        return others

    def _divided(self, use: str, count: int, between: int) -> Division:
        """What says which rows are for what, where so many of another file stand last, and of others before."""
        assert isinstance(self.splitting, Splitting)
        return with_others(self.splitting, use, count, between)

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
        types = self.types or {}
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
        types, found = self.types or {}, self._typed_inputs(frame)
        lines = []
        for column in self.encoding.columns:
            if column.name in types:
                lines += types[column.name].unfamiliar(frame[column.name])
            lines += column.unfamiliar(found[column.name])
        return lines

    @override
    def own_units(self, task: str, values: Tensor) -> list[float]:
        (target,) = (target for target in self.targets if target.task == task)
        return target.own_units(values.double().cpu().numpy())

    def copies(self) -> int:
        """How many test rows are copies of rows that are none, in all columns that both have; see :func:`copied`."""
        frame, rows = self.frame.drop(columns=list(self.without_column)), self._rows()
        return copied(frame, rows["test"], np.concatenate([rows["train"], rows["val"]]))

    def rows_of(self, split: str) -> pd.DataFrame:
        """The rows of a split, numbered from 0."""
        return self.frame.iloc[self._rows()[split]].reset_index(drop=True)

    def statistics(self) -> dict[str, Any]:
        """Targets, encoding, types of columns that are texts in the file; of raw columns also all categories."""
        if self.raw is None:
            return self._fitted()
        return self._fitted() | {"categories": {name: list(values) for name, values in self.all_values.items()}}

    def _fitted(self) -> dict[str, Any]:
        types = {"types": [one.plain() for one in self.types.values()]} if self.types else {}
        return {"targets": [target.plain() for target in self.targets], "columns": self.encoding.plain(), **types}

    @override
    def serve_raw_columns(self) -> None:
        self.raw_columns = True
        if self.statistics_file is None:
            self.all_values = all_values(self.encoding, self.frame.iloc[self._rows()["train"]])
        else:
            self.all_values = read_statistics(self.statistics_file, lambda found: dict(found["categories"]))
        self.raw = raw_encoding(self.encoding, self.all_values)
        self.input_shape = self.raw.shape

    def load(self) -> dict[str, Split]:
        """Encode the rows of each split."""
        rows, weights, groups = self._rows(), self._row_weights(), self.splitting.row_groups(self.frame)
        check_batch(len(rows["train"]), self.batch_size)
        splits = {}
        for name, chosen in rows.items():
            part = self.frame.iloc[chosen]
            labels = {target.task: target.encode(part) for target in self.targets}
            of_rows = None if weights is None else torch.tensor(weights[chosen], dtype=torch.float32)
            for target in self.targets:
                found = labels[target.task]
                if not self.watches:
                    target.check(found if of_rows is None else found[of_rows > 0], name)
            together = None if groups is None else torch.from_numpy(groups[chosen])
            splits[name] = Split(self.inputs(part), labels, of_rows, together)
        return splits

    @override
    def check_batch_size(self) -> None:
        check_batch(len(self._rows()["train"]), self.batch_size)

    def preview(self) -> str:
        """Columns, targets and splits."""
        learned = {task.name for task in self.tasks}
        targets = [target for target in self.targets if target.task in learned]
        return preview(self.frame, self.remarks, self.encoding, targets, self.splits)


def _copies(frame: pd.DataFrame, rows: Rows) -> list[str]:
    """A note if many test rows stand among the training rows, too, so that they test nothing new.

    The note says how many, see :func:`copied`.
    """
    copies = copied(frame, rows["test"], rows["train"])
    if not copies:
        return []
    return [
        f"{copies} of {len(rows['test'])} test rows are copies of training rows in all columns that are not left out: "
        "if such rows are one case, leave the copies out, or keep them together by task.split.by=group"
    ]


def copied(frame: pd.DataFrame, these: np.ndarray, others: np.ndarray) -> int:
    """How many of these rows are copies of others in all columns; 0 where they are too few to be worth a line.

    In a table of few different values rows are alike by chance, which is no such case: of different rows, half have to
    differ in one column.

    Args:
        frame: all rows.
        these: numbers of rows.
        others: numbers of other ones.

    Returns:
        The number.
    """
    seen = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    copies = int(np.isin(seen[these], seen[others]).sum())
    if copies < max(FEWEST, COPIES * len(these)):
        return 0
    different = frame[~pd.Series(seen, index=frame.index).duplicated()]
    if len(different) < FEWEST or different.astype("str").nunique().max() < len(different) / 2:
        return 0
    return copies


def in_order_of_columns(specs: Mapping[str, TargetSpec], frame: pd.DataFrame) -> dict[str, TargetSpec]:
    """Targets in the order of their columns; of one column first the task that is called so, the others by name.

    Initial values are drawn task after task: targets that are typed in another order would be another training, and
    the same question.
    """
    places = {str(name): place for place, name in enumerate(frame.columns)}
    columns = {task: spec.column for task, spec in specs.items()}

    def place(task: str) -> tuple[int, bool, str]:
        column = columns[task]
        return places.get(column, len(places)), task != identifier(column), task  # one that is not there comes last

    return {task: specs[task] for task in sorted(specs, key=place)}


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


def from_statistics(found: Mapping[str, Any]) -> tuple[tuple[Target, ...], Encoding, dict[str, ColumnType]]:
    """The targets, the encoding and the types that :meth:`TableSuite.statistics` wrote down."""
    targets = tuple(Target.of(entry) for entry in found["targets"])
    types = {entry["name"]: ColumnType(**entry) for entry in found.get("types", [])}
    return targets, Encoding.of(found["columns"]), types
