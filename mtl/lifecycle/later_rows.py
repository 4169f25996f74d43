"""Configs of runs with later rows: of a person's table, and of suites that have rows of their own and take others."""

import inspect
from pathlib import Path
from typing import Any

from mtl.config.run_config import RunConfig
from mtl.config.targets import find_target
from mtl.errors import InputError
from mtl.suites.table.splitting import LATER_SHARES
from mtl.suites.table.user_table import files_of, sheet_of

TABLE = "mtl.suites.table.table"  # the target of a suite that is all rows of a person's file
READS, TAKES = "path_later", "later"  # its key for later rows, and that of suites that have rows of their own
ALL, LATER = "all", "later"  # rows that a run is trained again with
NO_SPLIT = {"by": "random", "column": None, "folds": None}


def check_takes_later_rows(config: RunConfig, where: str) -> None:
    """Check that a suite can have later rows.

    Args:
        config: of the run.
        where: the run, for messages.

    Raises:
        InputError: it cannot; says what to do instead.
    """
    target = config.task.get("_target_")
    if target != TABLE and TAKES not in inspect.signature(find_target(target, "task", config.trust)).parameters:
        raise InputError(
            f"{where} is of task={config.choices.task}, which takes no rows from a file: expected a run of task=table, "
            "tables, credit, census, claims, flights or jobs, or of a suite of your own with the argument "
            f"'{TAKES}'; where it predicts new rows, execute with records=... does, to be compared with their labels"
        )
    if config.task.get("stream"):
        raise InputError(f"{where} reads its rows piece by piece, task.stream=true, which leaves no test")


def files_learned_from(config: RunConfig) -> list[Path]:
    """The files that a run has read its rows from, as far as its config names them."""
    task = config.task
    tables = [str(entry.get("path")) for entry in (task.get("tables") or {}).values()]
    own = [str(task["path"])] if task.get("path") else []
    return [Path(one) for one in (*own, *tables, *files_of(task.get(READS)), *later_files(task))]


def later_files(task: dict[str, Any]) -> list[str]:
    """The later files of a suite that has rows of its own."""
    return files_of((task.get(TAKES) or {}).get("path"))


def config_of_test(config: RunConfig, records: Path) -> RunConfig:
    """The config of a run with all later rows as its test."""
    task = without_parts(config.task)
    if task["_target_"] == TABLE:
        return config.changed(task={**task, "path_test": str(records)})
    return config.changed(task={**task, TAKES: {"path": [*later_files(task), str(records)], "use": "test"}})


def config_with(config: RunConfig, records: Path, rows: str) -> RunConfig:
    """The config of a run that is trained again.

    Args:
        config: of the run of before.
        records: file of the later rows.
        rows: ``all``: with all rows of before, also later ones that the run was trained again with, and half of the
            later ones; ``later``: with that half alone. The other half is divided into validation and test in the same
            way.

    Returns:
        The config.
    """
    task = without_parts(config.task)
    if task["_target_"] != TABLE:
        before = later_files(task) if rows == ALL else []
        alone = rows == LATER or (task.get(TAKES) or {}).get("use") == "alone"
        task[TAKES] = {"path": [*before, str(records)], "use": "alone" if alone else "after"}
    elif rows == ALL:
        before = files_of(config.task.get(READS))
        task[READS] = [*before, str(records)] if before else str(records)
    else:
        test, val = 1 - LATER_SHARES[1], LATER_SHARES[1] - LATER_SHARES[0]
        task |= {"path": str(records), "query": None, "split": {**task["split"], "val": val, "test": test}}
        task["sheet"] = sheet_of(task.get("sheet"), records)
    return config.changed(task=task, resume=None)


def without_parts(given: dict[str, Any]) -> dict[str, Any]:
    """The config of a suite, without what says which of the rows of before are for what."""
    task = dict(given)
    if task["_target_"] == TABLE or task.get("split"):
        split = dict(task.get("split") or {})
        columns = dict(task.get("columns") or {})
        if split.get("by") == "given":
            columns = {split["column"]: "ignore", **columns}
            split |= NO_SPLIT
            if split.get("groups"):  # which the column has kept apart
                split |= {"by": "group", "column": split["groups"]}
        split["folds"] = None
        task |= {"split": split, "columns": columns or None}
    return {**task, "path_test": None, READS: None} if task["_target_"] == TABLE else task
