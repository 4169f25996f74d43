"""What one network for all trade-offs reaches at a grid of preferences, as a table and a picture."""

import csv
import io
from collections.abc import Iterator, Sequence
from math import comb

import torch
from torch import Tensor

from mtl.comparison.statistics.pareto import front
from mtl.config.run_result import LOSS
from mtl.inspection.front_figure import front_figure
from mtl.lifecycle.trained import TrainedNetwork
from mtl.runs.directory import Run
from mtl.runs.files import atomic_path, write_text
from mtl.sharing.preferring import Preferring

TABLE, PICTURE = "front.csv", "front.png"
MOST = 21  # preferences, beside the one in which all tasks count alike
FINEST = 10  # parts that are divided among the tasks
SPLITS = ("val", "test")


def write_front(run: Run, trained: TrainedNetwork) -> None:
    """Measure a network at a grid of preferences, and write ``front.csv`` and ``front.png`` to the run's directory.

    The table has a line for each preference: the share of every task, its primary metric and mean loss on the
    validation and the test rows, and whether on validation no other line is better on every task that counts. Whoever
    chooses a preference by it looks at validation; the test columns tell what to expect of the choice. The picture
    shows validation. A network that is the same for all preferences gets neither. Afterwards all tasks count alike.

    Args:
        run: its directory.
        trained: the network.
    """
    sharing = trained.module.network.sharing
    if not isinstance(sharing, Preferring):
        return
    names = sharing.task_names
    uniform = torch.full((len(names),), 1 / len(names))
    lines, heights = [], []
    for preference in grid(len(names)):
        sharing.choose(preference)
        measured = {split: trained.evaluate(trained.data.measured(split)).tasks for split in SPLITS}
        line: dict[str, float | str] = {
            f"preference/{name}": round(share, 6) for name, share in zip(names, preference.tolist(), strict=True)
        }
        for split, found in measured.items():
            for task in trained.data.tasks:
                for key in (task.primary, LOSS):
                    value = found[task.name].get(key)
                    line[f"{split}/{task.name}/{key}"] = "" if value is None else float(f"{value:.6g}")
        lines.append(line)
        counted = [task for task in trained.data.tasks if not task.auxiliary]
        values = [(measured["val"][task.name].get(task.primary), task.higher_is_better) for task in counted]
        heights.append([float("nan") if v is None else v if higher else -v for v, higher in values])
    sharing.choose(uniform)
    for line, best in zip(lines, front(heights), strict=True):
        line["best"] = "yes" if best else "no"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(run.path / TABLE, text.getvalue())
    if len(names) > 1:
        primary = {task.name: task.primary for task in trained.data.tasks}
        with atomic_path(run.path / PICTURE) as partial:
            front_figure(lines, primary).savefig(partial, format="png", dpi=120)


def grid(tasks: int) -> Iterator[Tensor]:
    """Preferences evenly spread over the simplex, ``[K]`` each; as fine as :data:`MOST` lets.

    Its corners are among them, and the one in which all tasks count alike comes first.

    Args:
        tasks: K.

    Yields:
        Tensor: one preference after the other.
    """
    parts = max((n for n in range(1, FINEST + 1) if comb(n + tasks - 1, tasks - 1) <= MOST), default=1)
    yield torch.full((tasks,), 1 / tasks)
    for counts in divisions(parts, tasks):
        if len(set(counts)) > 1:
            yield torch.tensor(counts) / parts


def divisions(parts: int, places: int) -> Iterator[Sequence[int]]:
    """Every way to divide equal parts among places."""
    if places == 1:
        yield [parts]
        return
    for first in range(parts, -1, -1):
        for others in divisions(parts - first, places - 1):
            yield [first, *others]
