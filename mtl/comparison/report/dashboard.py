"""A comparison on TensorBoard: choices and results of every run to filter by, and the curves that it logged."""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from mtl.comparison.report.curves import Logged
from mtl.comparison.types import COSTS, Comparison, Row

LONGEST = 80  # characters of a directory, each of up to 3 bytes; file systems end at 255 bytes


def write_dashboard(directory: Path, comparison: Comparison, logs: Mapping[str, Sequence[Logged]]) -> None:
    """Write ``<configuration>/seed<n>`` below ``directory``; what was there before is removed.

    Args:
        directory: where to.
        comparison: what is shown.
        logs: by label of a configuration, what its runs logged: directories of runs are named by hashes, and their
            curves are found here by what they are of.
    """
    shutil.rmtree(directory, ignore_errors=True)
    rows = comparison.all_rows
    folders = folder_names(row.label for row in rows)
    domains = {  # of its filters; a seed is a name, not a quantity
        "configuration": [row.label for row in rows],
        "model": sorted({row.model for row in rows}),
        "weighting": sorted({row.weighting for row in rows}),
        "seed": [str(seed) for seed in sorted({seed for row in rows for seed in row.seeds})],
    }
    for row in rows:
        for place, seed in enumerate(row.seeds):
            choices = {"configuration": row.label, "model": row.model, "weighting": row.weighting, "seed": str(seed)}
            with SummaryWriter(str(directory / folders[row.label] / f"seed{seed}")) as writer:
                values = scalars(comparison, row, place)
                writer.add_hparams(choices, values, domains, run_name=".")
                for tag, points in logs[row.label][place].items():
                    for step in sorted(points):
                        writer.add_scalar(tag, points[step], step)


def scalars(comparison: Comparison, row: Row, place: int) -> dict[str, float]:
    """What came of one run, by tag.

    Args:
        comparison: what it is part of.
        row: its configuration.
        place: of its seed among those of the configuration.

    Returns:
        Values by tag; all tags begin with ``comparison/``, unlike those that runs log.
    """
    one = row.records[place]
    values = {"comparison/delta_m": row.delta.gains[place]}
    for task in comparison.tasks:
        values[f"comparison/gain/{task}"] = row.cells[task].evidence.gains[place]
        values[f"comparison/test/{task}/{comparison.primary[task]}"] = one.test[task]
    values |= {f"comparison/cost/{cost}": float(getattr(one, cost)) for cost in COSTS}
    return values | {f"comparison/execution/{name}": value for name, value in one.execution.items()}


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
