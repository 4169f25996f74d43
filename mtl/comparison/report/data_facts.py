"""The data of a comparison in words: the suite, its file, its rows and how they are divided."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl.comparison.types import Comparison

SPLITS = {"train": "training", "val": "validation", "test": "test"}


def data_in_words(comparison: Comparison) -> str:
    """For a title: ``table, churn.csv, 10,000 rows: 7,000 training, 1,500 validation, 1,500 test``."""
    one = comparison.baseline.records[0]
    task = one.config.get("task")
    files = file_names(task) if isinstance(task, Mapping) else []
    counts = {name: one.rows[split] for split, name in SPLITS.items() if split in one.rows}
    rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    own = "; every seed has a split of its own" if comparison.design.resplit else ""
    return f"{', '.join([comparison.suite, *files])}, {sum(counts.values()):,} rows: {rows}{own}"


def file_names(task: Mapping[str, Any]) -> list[str]:
    """Names of the files that a suite was told to read."""
    tables = task.get("tables")
    nodes = list(tables.values()) if isinstance(tables, Mapping) else [task]
    return [Path(str(node["path"])).name for node in nodes if isinstance(node, Mapping) and node.get("path")]
