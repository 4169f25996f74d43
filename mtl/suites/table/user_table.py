"""A suite of the user's table, from the options of a config."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mtl.errors import InputError
from mtl.suites.table.addresses import check_is_file
from mtl.suites.table.joining import parse_joins
from mtl.suites.table.large import LargeTable
from mtl.suites.table.packed import plain_suffix
from mtl.suites.table.reading import EXCEL
from mtl.suites.table.source import read_source
from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets
from mtl.suites.table.text_options import check_text_options

CONSENT = "MTL_TRUST_QUERY"  # variable of the environment
REFUSALS = ("", "0", "false", "no", "off")  # values of it that trust nothing


def table(
    path: str | None,
    targets: Targets,
    columns: Mapping[str, str] | None = None,
    split: Mapping[str, Any] | None = None,
    categories: int = 50,
    separator: str = ",",
    encoding: str = "utf-8",
    missing: Sequence[str] = (),
    statistics: str | None = None,
    form: str | None = None,
    stream: bool = False,
    header: bool | None = None,
    skip: int = 0,
    formats: Mapping[str, str] | None = None,
    numbers: str = "standard",
    path_test: str | None = None,
    path_later: str | Sequence[str] | None = None,
    row_weight: str | None = None,
    sheet: str | None = None,
    query: str | None = None,
    join: Sequence[Mapping[str, Any]] | None = None,
) -> TableSuite | LargeTable:
    """A suite of your own table; see :func:`~mtl.suites.table.source.read_source` and :class:`TableSuite`.

    Args:
        path: the file or folder, or the address of a database; None is an InputError.
        targets: what to predict; see :func:`~mtl.suites.table.target_specs.parse_targets`.
        columns: kinds of columns that are not as inferred; see :class:`~mtl.suites.table.TableSuite`.
        split: arguments of :class:`~mtl.suites.table.splitting.Splitting`.
        categories: most values of a category that get an indicator of their own.
        separator: between two values of a text file; see :func:`~mtl.suites.table.reading.read_table`.
        encoding: of a text file.
        missing: texts that mean "no value" in every column.
        statistics: file of what a run fitted, to be repeated.
        form: ``flat`` or ``columns``, of the inputs; None: columns, of a file that is read piece by piece flat.
        stream: read a Parquet file piece by piece; see :class:`~mtl.suites.table.large.LargeTable`.
        header: whether a text file has one; see :func:`~mtl.suites.table.reading.read_table`.
        skip: lines of a text file before its table.
        formats: how the times or numbers of columns are written, where the file does not decide it.
        numbers: ``standard``, ``quantile`` or ``robust``; see :class:`TableSuite`.
        path_test: file of the test rows, with the same columns, written in the same way; None: ``split`` draws them.
        path_later: file of rows that came after those of ``path``, with the same columns, written in the same way: half
            of them are trained on beside all rows of ``path``, a quarter each is the validation and the test. Of
            several files, in the order in which they came, that holds for the last; the others are trained on. None:
            there are none.
        row_weight: column of the weight that each row has in every loss and metric; None: 1 each.
        sheet: of an Excel file; None: the first one.
        query: of a database.
        join: other files whose columns are put beside the rows; see :func:`~mtl.suites.table.joining.parse_joins`.

    Returns:
        The suite.

    Raises:
        InputError: no file, or options that do not go together.
    """
    if not path:
        raise InputError("task.path is empty: name your file, e.g. task.path=my.csv")
    splitting = Splitting.of(split, fitted=statistics is not None)
    way: dict[str, Any] = {
        "separator": separator,
        "encoding": encoding,
        "missing": missing,
        "header": header,
        "skip": skip,
    }
    joins, later = parse_joins(join), files_of(path_later)
    if statistics is None:  # a run that was trained so can be used all the same
        joined = [str(one.path) for one in joins]
        check_text_options(way, [str(path), *joined, *([str(path_test)] if path_test else []), *later])
    if stream:
        if form not in (None, "flat"):
            raise InputError(f"task.stream=true gives inputs of task.form=flat only, not {form}")
        for name, given in (("path_test", path_test), ("path_later", path_later)):
            if given:
                raise InputError(f"task.stream=true reads one file: task.{name} needs task.stream=false")
        if row_weight:
            raise InputError(
                "task.stream=true gives every row the same weight: task.row_weight needs task.stream=false"
            )
        for name, other in (("sheet", sheet), ("query", query), ("join", join), ("missing", missing)):
            if other:
                raise InputError(f"task.stream=true reads one Parquet file: task.{name} needs task.stream=false")
        check_is_file(str(path), "task.path")
        return LargeTable(Path(str(path)), targets, columns, splitting, categories, statistics, formats, numbers)
    if path_test and path_later:
        raise InputError("task.path_test and task.path_later both say which rows are the test: leave one out")
    read_one = partial(read_source, joins=joins, **way)
    read = partial(read_one, str(path), query, sheet=sheet)
    if query and statistics:
        read = partial(read_by_consent, read, query)

    def read_other(other: str, option: str) -> Callable[[], pd.DataFrame]:
        return partial(read_one, str(other), sheet=sheet_of(sheet, Path(str(other))), option=option)

    read_test = read_other(path_test, "task.path_test") if path_test else None
    read_later = [read_other(other, "task.path_later") for other in later]
    options = (
        splitting,
        categories,
        statistics,
        form or "columns",
        formats,
        numbers,
        read_test,
        row_weight,
        read_later,
    )
    return TableSuite(read, targets, columns, *options, by_column=True)


def files_of(path_later: str | Sequence[str] | None) -> list[str]:
    """The files of later rows that a config names."""
    if not path_later:
        return []
    several = isinstance(path_later, Sequence) and not isinstance(path_later, str)
    return list(map(str, path_later)) if several else [str(path_later)]


def sheet_of(sheet: str | None, path: Path) -> str | None:
    """The sheet to be read of another file than that of the table, which may be no Excel file."""
    return sheet if sheet is not None and plain_suffix(path) == EXCEL else None


def read_by_consent(read: Callable[[], pd.DataFrame], query: str) -> pd.DataFrame:
    """The rows of the query in a run's directory, which may be somebody else's.

    Args:
        read: gives the rows.
        query: for the message.

    Returns:
        The rows.

    Raises:
        InputError: nobody has said that such queries are trusted.
    """
    if os.environ.get(CONSENT, "").strip().lower() in REFUSALS:
        raise InputError(
            f"the rows of this run come from a query that its directory names, {query[:60]!r}: if you trust it, set "
            f"the variable {CONSENT}=1"
        )
    return read()
