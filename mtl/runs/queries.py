"""Queries that the directory of a run names: what somebody else wrote down is not sent to a database."""

from collections.abc import Iterator, Mapping
from typing import Any

from mtl.config.run_config import RunConfig
from mtl.config.targets import nodes_of
from mtl.errors import InputError


def names_query(node: Mapping[str, Any]) -> bool:
    """Whether the rows of a suite come from a query, or those of one of its tables; or it may be among its arguments.

    Args:
        node: of the suite.

    Returns:
        Whether it does.
    """
    tables = node.get("tables")
    parts = [node, *tables.values()] if isinstance(tables, Mapping) else [node]
    return bool(node.get("_args_")) or any(isinstance(part, Mapping) and part.get("query") for part in parts)


def check_queries(config: RunConfig) -> None:
    """Raise InputError where a part of a run other than its suite would query a database when it is made.

    The query of the suite is run by consent alone, see :mod:`mtl.suites.table.user_table`.

    Args:
        config: of a run directory.
    """
    for where, node in _made(nodes_of(config), ""):
        if where != "task" and str(node["_target_"]).startswith("mtl.suites.") and names_query(node):
            raise InputError(f"{where}: not run, since it may query a database; of a run that does its suite alone")


def _made(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every node that says what to make, with its key."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield where, node
        for key, value in node.items():
            yield from _made(value, f"{where}.{key}" if where else str(key))
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from _made(value, f"{where}[{place}]")
