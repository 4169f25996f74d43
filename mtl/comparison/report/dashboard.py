"""A comparison on TensorBoard: a run for each configuration and seed, with choices, metrics and gains to filter by, and
the curves that it logged.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from mtl.comparison.report.curves import Logged
from mtl.comparison.types import COSTS, Comparison


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
    domains = {  # of its filters; a seed is a name, not a quantity
        "configuration": [row.label for row in rows],
        "model": sorted({row.model for row in rows}),
        "weighting": sorted({row.weighting for row in rows}),
        "seed": [str(seed) for seed in sorted({seed for row in rows for seed in row.seeds})],
    }
    for row in rows:
        for place, (seed, one) in enumerate(zip(row.seeds, row.records, strict=True)):
            values = {"comparison/delta_m": row.delta.gains[place]}
            for task in comparison.tasks:
                values[f"comparison/gain/{task}"] = row.cells[task].evidence.gains[place]
                values[f"comparison/test/{task}/{comparison.primary[task]}"] = one.test[task]
            values |= {f"comparison/cost/{cost}": float(getattr(one, cost)) for cost in COSTS}
            values |= {f"comparison/execution/{name}": value for name, value in one.execution.items()}
            choices = {"configuration": row.label, "model": row.model, "weighting": row.weighting, "seed": str(seed)}
            folder = re.sub(r"[^\w.=-]+", "_", row.label)
            with SummaryWriter(str(directory / folder / f"seed{seed}")) as writer:
                for part in hparams(choices, values, domains):  # type: ignore[no-untyped-call]
                    writer._get_file_writer().add_summary(part)
                for tag, value in values.items():
                    writer.add_scalar(tag, value)
                for tag, points in logs[row.label][place].items():
                    for step in sorted(points):
                        writer.add_scalar(tag, points[step], step)
