"""The rows that a query of a database gives. Nothing is changed there, and no password is written down."""

import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import pyarrow

from mtl.config.passwords import shown
from mtl.errors import InputError, lacks, suggestion
from mtl.suites.table.addresses import VARIABLE
from mtl.suites.table.objects import array_of
from mtl.suites.table.reading import NOTES, no_file, one_line, plain, unique_names

if TYPE_CHECKING:
    from sqlalchemy import URL

READS = re.compile(r"\s*(--[^\n]*\n\s*)*(select|with|values|from)\b", re.IGNORECASE)
SORTS = re.compile(r"\border\s+by\b", re.IGNORECASE)
# What says nothing of the order of the rows: texts, quoted names, comments, and what stands in the innermost brackets,
# such as ORDER BY of a window
APART = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
INNERMOST = re.compile(r"\([^()]*\)")
UNSORTED = (
    "{query} has no ORDER BY: a database may give the same rows in another order each time, and {why}; end it with "
    "ORDER BY and columns that tell all rows apart"
)
DIVIDED = "their order decides which of them are for the test"
NUMBERED = "predictions are told apart by the number of their row"
DATABASES = ("postgresql", "mysql", "mariadb", "sqlite", "duckdb", "oracle", "mssql")
SECRETS = re.compile("pass|pwd|token|secret|key|credential", re.IGNORECASE)  # parameters of an address


def read_query(
    database: str, query: str, option: str = "task.path", beside: str = "task.query", order: str = DIVIDED
) -> pd.DataFrame:
    """The rows of a query.

    It is run in a transaction that is never committed; databases that know it (SQLite, PostgreSQL, DuckDB) are opened
    for reading only. DuckDB also queries files, ``SELECT * FROM 'my.parquet'``, without a database: ``duckdb://``.

    Args:
        database: a SQLAlchemy address without a password, such as ``sqlite:///my.db``, or ``env:`` and the name of a
            variable of the environment that holds an address: so secrets stay out of the config.
        query: begins with ``select``, ``with``, ``values`` or ``from``.
        option: what named the database, for messages.
        beside: what gave the query.
        order: what the order of the rows is for.

    Returns:
        The rows, each column of the type that its values have, with a note where their order is left to the database.
        SQLite, which works in one thread, gives the same order each time.

    Raises:
        InputError: a password in the address, another statement, or whatever the database says.
    """
    if not READS.match(query):
        raise InputError(f"{beside}: expected a query that reads, SELECT ... or WITH ...: '{query[:40]}'")
    address = _address(database, option, beside)
    names, rows = _run(address, query, option, beside)
    if not rows:
        raise InputError(f"{beside} gives no rows")
    unique_names(names, beside)
    frame = plain(pyarrow.table({name: array_of([row[i] for row in rows]) for i, name in enumerate(names)}))
    if address.get_backend_name() != "sqlite" and not is_sorted(query):
        frame.attrs[NOTES] = [UNSORTED.format(query=beside, why=order)]
    return frame


def is_sorted(query: str) -> bool:
    """Whether a query says in which order its rows come."""
    outer, count = APART.sub(" ", query), 1
    while count:
        outer, count = INNERMOST.subn(" ", outer)
    return SORTS.search(outer) is not None


def _address(database: str, option: str, beside: str) -> "URL":
    """The address, whose password is only ever in a variable of the environment."""
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise lacks(beside, "SQLAlchemy", "sql") from None
    variable = database.removeprefix(VARIABLE) if database.startswith(VARIABLE) else ""
    if variable and not os.environ.get(variable):
        raise InputError(f"{option}={database}: the variable {variable} is not set")
    try:
        url = make_url(os.environ[variable] if variable else database)
    except (ArgumentError, ValueError):  # the latter of a port that is no number
        what = f"the variable {variable}" if variable else f"'{shown(database)}'"
        raise InputError(f"{option}: {what} is no address of a database, such as sqlite:///my.db") from None
    if not variable and (url.password or any(SECRETS.search(name) for name in url.query)):
        raise InputError(
            f"{option}: an address with a password would be written down with the run: put it into a variable of "
            f"the environment, and say {option}=env:NAME"
        )
    if url.get_backend_name() == "sqlite" and url.database:
        if not os.path.isfile(url.database):  # noqa: PTH113  # a path as the address has it
            raise InputError(f"{option}: {no_file(Path(url.database))}")
        url = url.set(database=f"file:{quote(url.database)}").update_query_dict({"mode": "ro", "uri": "true"})
    return url


def _run(url: "URL", query: str, option: str, beside: str) -> tuple[list[str], list[Any]]:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    duckdb, stored = url.get_backend_name() == "duckdb", (url.database or ":memory:") != ":memory:"
    try:
        engine = create_engine(url, connect_args={"read_only": True} if duckdb and stored else {})
        if duckdb:
            _check_duckdb(query, beside)
        try:
            # Without parameters a driver leaves % as it is, as in LIKE 'a%' and id % 10
            options = {"postgresql_readonly": True, "no_parameters": True}
            with engine.connect().execution_options(**options) as connection:
                found = connection.exec_driver_sql(query)
                return [str(name) for name in found.keys()], list(found.fetchall())  # noqa: SIM118  # no mapping
        finally:
            engine.dispose()
    except NoSuchModuleError:
        backend = url.drivername.partition("+")[0]
        near = "" if backend in DATABASES else suggestion(backend, DATABASES)[0]
        raise InputError(
            f"{option}: there is no driver for '{url.drivername}': {near}install the package that SQLAlchemy needs "
            "for this database, such as duckdb-engine for duckdb"
        ) from None
    # Drivers have errors of Python's for values that it has none for, such as a day in the year 20000
    except (SQLAlchemyError, ImportError, ValueError, TypeError, ArithmeticError) as error:
        said = one_line(getattr(error, "orig", None) or error)
        hidden = said.replace(str(url.password), "***") if url.password else said
        raise InputError(f"{beside}: {url.get_backend_name()} says: {hidden}") from None


def _check_duckdb(query: str, beside: str) -> None:
    """InputError for more than one statement, or one that writes, if only files, as also read-only databases do."""
    library = import_module("duckdb")
    try:
        found = [statement.type for statement in library.extract_statements(query)]
    except library.Error:
        return  # the database says it better
    if found != [library.StatementType.SELECT]:
        raise InputError(f"{beside}: expected one query that reads, SELECT ... or WITH ...: '{query[:40]}'")
