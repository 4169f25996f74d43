"""Where the rows of a user's table come from: a file, a folder or a query, with columns of others beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mtl.errors import InputError
from mtl.suites.table.addresses import check_is_file, check_is_here, is_database
from mtl.suites.table.delimited import spoken
from mtl.suites.table.joining import Join, join_all
from mtl.suites.table.reading import character, missing_texts, read_table, without_texts
from mtl.suites.table.sql import DIVIDED, NUMBERED, read_query

RECORDS = "records"  # the option that names new rows, which are predicted
WRITTEN = ("separator", "encoding", "header", "skip")  # options of a training that say how text files are written


def read_source(
    path: str,
    query: str | None = None,
    joins: Sequence[Join] = (),
    sheet: str | None = None,
    option: str = "task.path",
    **way: Any,
) -> pd.DataFrame:
    """The rows.

    Args:
        path: of the file or folder, or with a query the address of the database.
        query: of the database; None: it is a file or folder.
        joins: other files whose columns are put beside the rows, written in the same way.
        sheet: of an Excel file.
        option: what named the path, for messages.
        **way: how text files are written; see :func:`~mtl.suites.table.reading.read_table`.

    Returns:
        The rows.

    Raises:
        InputError: a database without query, a query without database, or whatever is wrong with the source.
    """
    new = option == RECORDS
    if not new and not option.endswith(".path"):
        check_is_file(path, option)
    check_is_here(path, option)
    beside = "query" if new else f"{option.removesuffix('path')}query"
    if query is None and is_database(path):
        raise InputError(f"{option} is a database: say {beside}='SELECT ...', the rows that are wanted")
    if query is not None and not is_database(path):
        raise InputError(f"{beside} is for a database, and {option}={path} is none, such as sqlite:///my.db")
    sheet = None if sheet is None else str(sheet)  # one may be called 2020
    if query:
        found = read_query(path, query, option, beside, NUMBERED if new else DIVIDED)
        frame = without_texts(found, missing_texts(way.get("missing", ())))
    else:
        frame = read_table(Path(path), sheet=sheet, option=option, **way)
    return join_all(frame, joins, lambda file, name: read_table(file, option=name, **way))


def how_to_write(said: str, way: Mapping[str, Any]) -> str:
    """What is said of a file of new rows, with the way to write it where that names an option of a training.

    Args:
        said: what is wrong with the file.
        way: how the run reads text files, which stays so; see :func:`read_source`.

    Returns:
        The line.
    """
    if not any(f"task.{option}=" in said for option in WRITTEN):
        return said
    between, encoding = spoken(character(str(way.get("separator", ",")))), way.get("encoding", "utf-8")
    return (
        f"{said}; these are options of a training: this run reads text files with {between} between values and in "
        f"{encoding}: write new rows like it, or with a first line that names their separator, such as sep=;"
    )
