"""A person's records as a place to act: what the network says of every new row."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from rich import box
from rich.table import Table
from torch import Tensor

from mtl.agent.environment import Environment, ExecutionReport, Value
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.table.reading import read_table
from mtl.tasks import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIECE = 8192  # rows that are predicted at a time
ROW = "row"
DIGITS = 6  # that are written of a number


class Records(Environment):
    """Predicts every row of a file by what the run wrote down of its training rows: kinds, means, categories, words.

    Args:
        path: a table like the one that the run was trained on; targets may be missing, other columns are not looked at.
        data: the run's suite, which needs no rows of its own.
        reading: how a text file is written: ``separator``, ``encoding`` and ``missing`` of
            :func:`~mtl.suites.table.reading.read_table`.

    Raises:
        InputError: a file that cannot be used, a column that is missing, a text among numbers; a suite whose inputs are
            no rows of a table.
    """

    requires = ()

    def __init__(self, path: Path, data: MultiTaskDataModule, reading: Mapping[str, Any]) -> None:
        self.data = data
        self.frame = read_table(path, **reading, option="records")
        data.inputs(self.frame.head(1))  # what is missing is said before anything is computed

    @torch.inference_mode()
    def run(self, predict: Predict) -> "PredictionReport":
        """Predict the rows, piece by piece."""
        found: dict[str, list[Tensor]] = {task.name: [] for task in self.data.tasks}
        for start in range(0, len(self.frame), PIECE):
            predictions = predict(self.data.inputs(self.frame.iloc[start : start + PIECE]))
            for task in self.data.tasks:
                found[task.name].append(task.decode(predictions[task.name]).float())
        values = {name: torch.cat(parts) for name, parts in found.items()}
        return PredictionReport(self.data.tasks, values, self.data.values)


class PredictionReport(ExecutionReport):
    """Predictions of every task, in the target's own words and units.

    Args:
        tasks: what was predicted.
        predictions: by task, decoded: numbers ``[N]``, probabilities of yes ``[N]`` or of classes ``[N, C]``.
        values: names of the classes of the tasks that have some; of two, no and yes.
    """

    listing = "predictions.csv"

    def __init__(
        self, tasks: Sequence[Task], predictions: Mapping[str, Tensor], values: Mapping[str, Sequence[str]]
    ) -> None:
        self.columns: dict[str, list[Value]] = {}
        for task in tasks:
            found, names = predictions[task.name], values.get(task.name)
            if names is None:
                self.columns[task.name] = rounded(found)
                continue
            if found.dim() == 1:
                place, sure = (found >= 0.5).long(), found
            else:
                sure, place = found.max(-1)
            self.columns[task.name] = [names[i] for i in place.tolist()]
            # A dot is in no name of a task, so this is the name of no other column
            self.columns[f"{task.name}.probability"] = rounded(sure)
        self.rows = len(next(iter(self.columns.values())))

    def records(self) -> list[dict[str, Value]]:
        """One row per row of the file, numbered from 1. Of a binary task the probability is that of yes, of several
        classes that of the one that is named.
        """
        rows = zip(*self.columns.values(), strict=True)
        return [{ROW: number, **dict(zip(self.columns, row, strict=True))} for number, row in enumerate(rows, 1)]

    def summary(self) -> dict[str, float]:
        """``rows``, and the mean of every column of numbers."""
        numbers = {name: column for name, column in self.columns.items() if isinstance(column[0], float)}
        return {"rows": self.rows, **{f"{name}_mean": fmean(map(float, column)) for name, column in numbers.items()}}  # type: ignore[arg-type]

    def content(self) -> dict[str, Any]:
        """The summary; the rows are in the list and may be many."""
        return {"summary": self.summary()}

    def table(self) -> Table:
        """The first rows."""
        table = Table(
            title=f"Predictions for {self.rows:,} rows, the first of them", box=box.SIMPLE_HEAD, pad_edge=False
        )
        first = self.records()[:5]
        for name in first[0]:
            table.add_column(name, justify="right", overflow="fold")
        for record in first:
            table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in record.values()))
        return table

    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        """None."""
        return iter(())


def rounded(values: Tensor) -> list[Value]:
    """As many digits as single precision has."""
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
