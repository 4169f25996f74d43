"""The data of a comparison in words, and the versions and machines of its runs."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtl.comparison.notes import kind_of, merge_notes
from mtl.comparison.types import Comparison
from mtl.comparison.wording import count_noun

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


def notes_of(comparison: Comparison) -> list[tuple[str, str]]:
    """What runs have noted, such as rows or columns that they did not use, and which of them have: each note once."""
    every = [(row.label, one) for row in comparison.all_rows for one in row.records]
    texts = merge_notes(note for _, one in every for note in one.notes)
    found: dict[str, dict[str, list[str]]] = {}
    for label, one in every:
        for kind in dict.fromkeys(map(kind_of, one.notes)):
            found.setdefault(texts[kind], {}).setdefault(label, []).append(str(one.seed))
    out = []
    for note, runs in found.items():
        count = sum(map(len, runs.values()))
        named = ", ".join(f"{label} (seed {' '.join(seeds)})" for label, seeds in runs.items())
        out.append((note, "all runs" if count == len(every) else f"{count_noun(count, 'run')}: {named}"))
    return out


def environment_of(comparison: Comparison) -> dict[str, str]:
    """Versions and machine by name; where runs differ in one, each value with the number of runs that have it."""
    all_runs = [one.environment for row in comparison.all_rows for one in row.records]
    found = {}
    for name in dict.fromkeys(name for environment in all_runs for name in environment):
        times = Counter(environment.get(name, "") for environment in all_runs)
        several = [f"{value or 'unknown'} ({count_noun(count, 'run')})" for value, count in times.items()]
        found[name] = next(iter(times)) if len(times) == 1 else ", ".join(several)
    return found
