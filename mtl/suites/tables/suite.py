"""A table for each task: rows that have a label for some tasks only, because they come from different places."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.nn.encoder import Inputs
from mtl.suites.loader import InMemoryLoader
from mtl.suites.table import Splitting, TableSuite, Targets
from mtl.suites.table.encoding import CategoryColumn
from mtl.suites.table.fitting import Remarks
from mtl.suites.table.joining import as_texts, parse_joins
from mtl.suites.table.leaks import leaks
from mtl.suites.table.named import named_as
from mtl.suites.table.reading import NOTES, TEXTS
from mtl.suites.table.source import read_source
from mtl.suites.table.stacking import stacked
from mtl.suites.table.suite import chosen_kinds
from mtl.suites.table.target_specs import check_targets
from mtl.suites.table.text_options import check_text_options
from mtl.suites.table.typed_cells import TEXT, cells_of, with_cells
from mtl.suites.table.user_table import read_by_consent
from mtl.suites.tables.division import SOURCE, EachTable
from mtl.suites.tables.loaded import LoadedTables
from mtl.suites.tables.sampling import Sampling, SamplingLoader

NEEDED, OPTIONAL = ("path", "targets"), ("query", "sheet", "join")  # keys of a table


class TablesSuite(TableSuite):
    """Tasks over several tables, learned by one network.

    The columns of all tables together are the inputs, one more saying which table a row is from; a column that a table
    does not have is missing in its rows. Columns of the same name are taken for the same. A row has labels for the
    targets of its table only. Statistics, splits and errors are those of :class:`~mtl.suites.table.TableSuite`. In the
    form ``columns`` the inputs also have ``source [N, T]``, 1 at the row's table, for norms of each table's own.

    Args:
        read: gives the rows of all tables, one table behind the other, with the column ``table``.
        targets: what to predict; see :func:`~mtl.suites.table.target_specs.parse_targets`.
        columns: kinds of columns that are not as inferred; see :class:`~mtl.suites.table.TableSuite`.
        splitting: how the rows of each table are divided.
        sampling: which tables the rows of each training step come from.
        categories: most values of a category that get an indicator of their own.
        statistics: file of what a run fitted, to be repeated.
        form: ``flat`` or ``columns``, of the inputs.
        formats: how the times or numbers of columns are written, where the files do not decide it.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`~mtl.suites.table.TableSuite`.
        row_weight: column, of every table, of the weight that each row has in every loss and metric; None: 1 each.
        by_column: the tasks stand in the order of their columns; see :class:`~mtl.suites.table.TableSuite`.
        later: files of rows that came later, with the column ``table``; see :class:`~mtl.suites.table.TableSuite`. A
            column that their tables do not have may be missing.
    """

    loaded = LoadedTables

    def __init__(
        self,
        read: Callable[[], pd.DataFrame],
        targets: Targets,
        columns: Mapping[str, str] | None = None,
        splitting: Splitting | None = None,
        sampling: Sampling | None = None,
        categories: int = 50,
        statistics: str | None = None,
        form: str = "flat",
        formats: Mapping[str, str] | None = None,
        numbers: str = "standard",
        row_weight: str | None = None,
        by_column: bool = False,
        later: Mapping[str, Any] | None = None,
    ) -> None:
        each = EachTable(splitting or Splitting())
        super().__init__(
            read,
            targets,
            {SOURCE: "category", **chosen_kinds(columns)},
            each,
            categories,
            statistics,
            form,
            formats,
            numbers,
            row_weight=row_weight,
            by_column=by_column,
            later=later,
        )
        self.sampling = sampling or Sampling()
        known = {column.name: column.values for column in self.encoding.columns if isinstance(column, CategoryColumn)}
        self.names = known.get(SOURCE, ())
        self.sources = max(len(self.names), 1)
        if form == "columns":
            self.input_shape = {**self.encoding.shape, "source": (self.sources,)}

    @property
    @override
    def fingerprint(self) -> str:
        """Hash of the rows, of how they are divided and weighted, and of the encoding; of groups also over what."""
        found, each = super().fingerprint, self.splitting
        if not isinstance(each, EachTable):
            return found
        for said in [", by one draw"] * each.by_one_draw(self.frame) + [", beside others"] * each.binds(self.frame):
            found = hashlib.sha256(f"{found}{said}".encode()).hexdigest()[:16]
        return found

    @override
    def _leaks(
        self, own: pd.DataFrame, remarks: Remarks, train: np.ndarray, labels: Sequence[str]
    ) -> dict[str, tuple[str, bool]]:
        """Also of columns that number the rows of each table that has them: numbers begin anew in each."""
        found = super()._leaks(own, remarks, train, labels)
        parts = [own[own[SOURCE] == name] for name in own[SOURCE].unique()]
        for name in own.columns:
            having = [part[[name]] for part in parts if part[name].notna().any()]
            numbering = [leaks(part, remarks, np.arange(0), ()) for part in having]
            if name not in found and numbering and all(numbering):
                found[name] = numbering[0][name][0], all(one[name][1] for one in numbering)
        return found

    def inputs(self, frame: pd.DataFrame) -> Inputs:
        """New rows as the network reads them; a table that was not learned counts as all tables in equal parts."""
        found = super().inputs(frame)
        if self.form == "flat" or self.raw is not None:
            return found
        shares = torch.cat([torch.eye(len(self.names)), torch.full((1, self.sources), 1 / self.sources)])
        return {**found, "source": shares[pd.Index(self.names).get_indexer(frame[SOURCE])]}  # the last row: not learned

    def loader(self, split: str, *, training: bool = False, world: int | None = None) -> InMemoryLoader:
        """The batches of a split; those of training as the sampling policy says."""
        plain = super().loader(split, training=training, world=world)
        if not training:
            return plain
        names = self.frame[SOURCE].iloc[self.splitting.rows(self.frame)[split]]
        names = names.iloc[self.kept] if self.kept else names
        sizes = [int((names == name).sum()) for name in names.unique()]
        return SamplingLoader(
            plain.split,
            self.batch_size,
            sizes,
            self.sampling,
            seed=plain.seed,
            accumulate=plain.accumulate,
            rank=plain.rank,
            world=plain.world,
        )


def concatenate(frames: Mapping[str, pd.DataFrame], targets: Mapping[str, Targets]) -> tuple[pd.DataFrame, Targets]:
    """Concatenate tables, with a column ``table`` that names each row's.

    Targets are columns of their table; one that two tables share is one task with rows from both.

    Args:
        frames: the tables, by name.
        targets: of each table, by its name.

    Returns:
        The rows of all tables, and the targets of all.

    Raises:
        InputError: a table without targets, a target that is no column or of two kinds, a column named ``table``.
    """
    joined: dict[str, Any] = {}
    frames = dict(frames)
    known: list[str] = []
    for name in frames:
        if not targets.get(name):
            raise InputError(f"task.tables.{name} has no targets")
        check_targets(targets[name], f"task.tables.{name}.targets")
        frames[name] = frame = named_as(frames[name], [*known, *(column_of(*entry) for entry in targets[name].items())])
        known.extend(frame.columns)
        if SOURCE in frame.columns:
            raise InputError(f"task.tables.{name} has a column '{SOURCE}', the name under which rows say their table")
        for target, spec in targets[name].items():
            column = column_of(target, spec)
            if column not in frame.columns:
                raise unknown(f"column of target '{target}' in task.tables.{name}", column, frame.columns)
            if joined.setdefault(target, spec) != spec:
                raise InputError(f"target '{target}' means two things: {joined[target]} and {spec}")
    columns = {name: {column_of(*entry) for entry in targets[name].items()} for name in frames}
    every = set().union(*columns.values())
    # What is a target elsewhere and none here would be a label that nobody asked for
    kept = {name: frame.drop(columns=[*(every - columns[name]) & set(frame.columns)]) for name, frame in frames.items()}
    texts = {name: frame.attrs.get(TEXTS, False) for name, frame in frames.items()}
    if any(texts.values()):  # what the cells of a column mean is fitted for all tables together
        kept = {name: frame if texts[name] else as_texts(frame) for name, frame in kept.items()}
    # Rows keep the numbers of their own table, which messages name
    rows = stacked([frame.assign(**{SOURCE: name}) for name, frame in kept.items()])
    notes = [note for frame in frames.values() for note in frame.attrs.get(NOTES, [])]
    rows.attrs = {TEXTS: any(texts.values()), NOTES: notes}
    if any(texts.values()):
        rows = with_cells(rows, [pd.concat([cells_of(frame) for frame in kept.values()]).fillna(TEXT)])
    return rows, joined


def column_of(target: str, spec: str | Mapping[str, Any]) -> str:
    """The column that a target is named after, or that it names."""
    return str(spec.get("column", target)) if isinstance(spec, Mapping) else target


def tables(
    tables: Mapping[str, Mapping[str, Any]] | None,
    columns: Mapping[str, str] | None = None,
    split: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    categories: int = 50,
    separator: str = ",",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    statistics: str | None = None,
    form: str = "flat",
    header: bool | None = None,
    skip: int = 0,
    formats: Mapping[str, str] | None = None,
    numbers: str = "standard",
    row_weight: str | None = None,
    later: Mapping[str, Any] | None = None,
) -> TablesSuite:
    """A suite of your own files, one for each task or group of tasks.

    Args:
        tables: by a name of your choice, ``{path: file, targets: {column: kind}}``, where ``query``, ``sheet`` and
            ``join`` may stand, too; see :func:`~mtl.suites.table.source.read_source`.
        columns: kinds of columns that are not as inferred; see :class:`~mtl.suites.table.TableSuite`.
        split: arguments of :class:`~mtl.suites.table.Splitting`.
        sampling: arguments of :class:`~mtl.suites.tables.Sampling`.
        categories: most values of a category that get an indicator of their own.
        separator: between two values of a text file; see :func:`~mtl.suites.table.reading.read_table`.
        encoding: of a text file.
        missing: texts that mean "no value".
        statistics: file of what a run fitted, to be repeated.
        form: ``flat`` or ``columns``, of the inputs.
        header: whether text files have one; see :func:`~mtl.suites.table.reading.read_table`.
        skip: lines of text files before their tables.
        formats: how the times or numbers of columns are written, where the files do not decide it.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`~mtl.suites.table.TableSuite`.
        row_weight: column, of every table, of the weight that each row has in every loss and metric; None: 1 each.
        later: files of rows that came after these, with the column ``table``; see
            :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Returns:
        The suite.

    Raises:
        InputError: no table, one without path or targets, or with a key that it does not take.
    """
    if not tables:
        raise InputError(
            "task.tables is empty: expected 'task.tables={a: {path: a.csv, targets: {churn: binary}}, ...}'"
        )
    for name, entry in tables.items():
        if not set(NEEDED) <= set(entry):
            raise InputError(f"task.tables.{name}: expected path and targets, found {', '.join(entry) or 'nothing'}")
        for word in entry:
            if word not in NEEDED + OPTIONAL:
                raise unknown(f"key of task.tables.{name}", str(word), NEEDED + OPTIONAL)
    way: dict[str, Any] = {
        "separator": separator,
        "encoding": encoding,
        "missing": missing,
        "header": header,
        "skip": skip,
    }
    joins = {name: parse_joins(entry.get("join"), f"task.tables.{name}.join") for name, entry in tables.items()}
    if statistics is None:  # a run that was trained so can be used all the same
        joined = [str(one.path) for several in joins.values() for one in several]
        check_text_options(way, [*(str(entry["path"]) for entry in tables.values()), *joined])

    def read(name: str, entry: Mapping[str, Any]) -> pd.DataFrame:
        where, query = f"task.tables.{name}.path", entry.get("query")
        rows = partial(read_source, str(entry["path"]), query, joins[name], entry.get("sheet"), where, **way)
        return read_by_consent(rows, query) if query and statistics else rows()

    @cache
    def load() -> tuple[pd.DataFrame, Targets]:
        frames = {name: read(name, entry) for name, entry in tables.items()}
        return concatenate(frames, {name: entry["targets"] for name, entry in tables.items()})

    targets = {} if statistics else load()[1]
    splitting, policy = Splitting.of(split, fitted=statistics is not None), Sampling(**dict(sampling or {}))
    options = (splitting, policy, categories, statistics, form, formats, numbers, row_weight)
    return TablesSuite(lambda: load()[0], targets, columns, *options, by_column=True, later=later)
