"""A comparison on TensorBoard: choices and results of every run to filter by, and the curves that it logged."""

import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from mtl.comparison.records import Record
from mtl.comparison.report.curves import Logged, logged
from mtl.comparison.types import COSTS, Comparison, Row
from mtl.runs.dashboard import CHOSEN, SUMMARY, place_of, write_choices
from mtl.runs.event_file import event_file

LONGEST = 80  # characters of a directory, each of up to 3 bytes; file systems end at 255 bytes


def write_dashboard(directory: Path, comparison: Comparison, kept: Collection[str]) -> dict[str, list[Logged]]:
    """Write ``<configuration>/seed<n>`` below ``directory``; what was there before is removed.

    The log of a run is read once, and let go as soon as its curves are written: all that thousands of runs logged
    would be more than the memory holds.

    Args:
        directory: where to. Directories of runs are named by hashes, and their curves are found here by what they are
            of.
        comparison: what is shown.
        kept: tags of what is not let go.

    Returns:
        By label of a configuration, what each of its runs logged under these tags.
    """
    shutil.rmtree(directory, ignore_errors=True)
    rows = comparison.all_rows
    folders = folder_names(row.label for row in rows)
    logs: dict[str, list[Logged]] = {row.label: [] for row in rows}
    for row in rows:
        for one in row.records:
            seed = str(one.seed)
            folder = directory / folders[row.label] / f"seed{seed}"
            chosen = {group: str(one.config.get("choices", {}).get(group)) for group in CHOSEN}
            choices = {
                **chosen,
                "configuration": row.label,
                "model": row.model,
                "weighting": row.weighting,
                "seed": seed,
            }
            with event_file(folder / SUMMARY) as writer:
                write_choices(writer.add_summary, one.path, choices, scalars(comparison, row, one))
            found = logged(one.path)
            write_curves(folder, found)
            logs[row.label].append({tag: points for tag, points in found.items() if tag in kept})
    return logs


def write_curves(folder: Path, log: Logged) -> None:
    """Write what a run logged below its directory of the dashboard."""
    places = {tag: place_of(tag) for tag in log}
    for name in sorted({name for name, _ in places.values()} - {SUMMARY}):  # single numbers are there already
        with event_file(folder / name) as writer:
            for tag, points in log.items():
                if places[tag][0] == name:
                    for step in sorted(points):
                        writer.add_scalar(places[tag][1], points[step], step)


def scalars(comparison: Comparison, row: Row, one: Record) -> dict[str, float]:
    """What came of one run, by tag.

    Args:
        comparison: what it is part of.
        row: its configuration.
        one: the run.

    Returns:
        Values by tag. Test values and gains are those of runs that decide.
    """
    values = {f"val/{task}/{comparison.primary[task]}": one.val[task] for task in comparison.tasks}
    if row.tested is not None and one.seed in row.tested.seeds:
        place = row.tested.seeds.index(one.seed)
        values["delta_m"] = row.tested.delta.gains[place]
        for task in comparison.tasks:
            values[f"gain/{task}"] = row.tested.cells[task].evidence.gains[place]
            values[f"test/{task}/{comparison.primary[task]}"] = one.test[task]
    values |= {f"cost/{cost}": float(getattr(one, cost)) for cost in COSTS}
    return values | {f"execution/{name}": value for name, value in one.execution.items()}


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """A directory for each label: no two are the same, also where a file system ignores case."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        first = name = re.sub(r"[^\w.=-]+", "_", label).lstrip(".")[:LONGEST] or "_"
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{first}-{number}"
        taken.add(name.casefold())
        names[label] = name
    return names
