"""New rows of a person's table: what the network says of each, and what an agent decides on them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from rich.table import Table
from torch import Tensor
from typing_extensions import override

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.config.printable import printable_line
from mtl.errors import InputError
from mtl.suites.base import DIGITS, MultiTaskDataModule, Predict
from mtl.suites.table.reading import NOTES
from mtl.suites.table.source import RECORDS, how_to_write, read_source

if TYPE_CHECKING:
    import pandas as pd

PIECE = 8192  # rows that are predicted at a time
ROW, OTHER = "row", "row.number"  # what the number of a row is called, and where a task has this name


class NewRows(Environment):
    """Predicts every row of a file or a query with what the run fitted: kinds, means, categories, words.

    Args:
        path: a table like the one that the run was trained on, or with a query the address of the database that has it;
            targets may be missing, other columns are not looked at.
        reading: how files are written and joined; arguments of :func:`~mtl.suites.table.source.read_source`.
        deciding: also decides on the rows, by what is predicted; None: they are predicted only.
        query: of the database; None: it is a file.

    Raises:
        InputError: a file or query that cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        reading: Mapping[str, Any],
        deciding: DecidingEnvironment[Any] | None = None,
        query: str | None = None,
    ) -> None:
        self.deciding = deciding
        try:
            self.frame = read_source(str(path), query, **reading, option=RECORDS)
        except InputError as error:
            raise InputError(how_to_write(str(error), reading)) from None
        self.notes: list[str] = []

    @override
    def check(self, data: MultiTaskDataModule) -> None:
        super().check(data)
        data.inputs(self.frame.head(1))  # what is missing is said before anything is computed
        self.notes = [*self.frame.attrs.get(NOTES, []), *data.unfamiliar(self.frame)]
        sys.stderr.write("".join(f"{printable_line(line)}\n" for line in self.notes))

    @override
    def run(self, predict: Predict, data: MultiTaskDataModule) -> "PredictionReport":
        values = predicted(self.frame, predict, data)
        decided = self.deciding.decisions(values) if self.deciding is not None else {}
        return PredictionReport(values, data.values, data.own_units, self.notes, data.parts, decided)


@torch.inference_mode()
def predicted(frame: "pd.DataFrame", predict: Predict, data: MultiTaskDataModule) -> dict[str, Tensor]:
    """The decoded predictions of every task for rows of a table.

    Args:
        frame: the rows.
        predict: inputs to raw predictions by task.
        data: the run's suite.

    Returns:
        By task: numbers ``[N]`` or ``[N, P]``, probabilities of yes ``[N]`` or of classes ``[N, C]``.

    Raises:
        InputError: a column is missing, or a value is not of its column's kind.
    """
    found: dict[str, list[Tensor]] = {task.name: [] for task in data.tasks}
    for start in range(0, len(frame), PIECE):
        predictions = predict(data.inputs(frame.iloc[start : start + PIECE]))
        for task in data.tasks:
            found[task.name].append(task.decode(predictions[task.name]).float())
    return {name: torch.cat(parts) for name, parts in found.items()}


def part_names(task: str, found: Tensor, given: Sequence[str] | None) -> Sequence[str]:
    """Names of the numbers of a prediction; those that a suite does not name are counted from 1.

    Args:
        task: its name.
        found: decoded predictions, ``[N, P]``.
        given: names of the P numbers, if the suite has some.

    Returns:
        P names.

    Raises:
        InputError: a prediction has more axes, or other names than numbers, as those of an own suite may.
    """
    if found.dim() != 2:
        raise InputError(
            f"task '{task}': a prediction is {tuple(found.shape[1:])} numbers, and a row of a table holds one axis of "
            "them: mtl.load(run).module.predict gives them as they are"
        )
    numbers = found.shape[1]
    if given is not None and len(given) != numbers:
        raise InputError(
            f"task '{task}': a prediction is {numbers} numbers, and 'parts' of the suite names {len(given)}"
        )
    return [str(number) for number in range(1, numbers + 1)] if given is None else given


class PredictionReport(ExecutionReport):
    """Predictions of every task, in the target's own words and units.

    Of a binary task the probability is that of yes, of several classes that of the class that is named.

    Args:
        predictions: by task, decoded: numbers ``[N]`` or ``[N, P]``, probabilities of yes ``[N]`` or of classes
            ``[N, C]``.
        values: names of the classes of the tasks that have some; of two, no and yes.
        own_units: see :meth:`~mtl.suites.base.MultiTaskDataModule.own_units`.
        notes: how the file was read, and what of it is unlike the training rows.
        parts: names of the P numbers of a task's predictions, where they are several; those left out are counted.
        decided: columns of decisions by name, a value for each row; those of the report are ``decision.<name>``.
    """

    listing = "predictions.csv"

    def __init__(
        self,
        predictions: Mapping[str, Tensor],
        values: Mapping[str, Sequence[str]],
        own_units: Callable[[str, Tensor], Sequence[float]],
        notes: Sequence[str] = (),
        parts: Mapping[str, Sequence[str]] | None = None,
        decided: Mapping[str, Sequence[Value]] | None = None,
    ) -> None:
        self.notes = list(notes)
        self.columns: dict[str, list[Value]] = {}
        for task, found in predictions.items():
            names, several = values.get(task), (parts or {}).get(task)
            if several is not None or (names is None and found.dim() > 1):
                for name, column in zip(part_names(task, found, several), found.unbind(1), strict=True):
                    self.columns[f"{task}.{name}"] = list(own_units(task, column))
                continue
            if names is None:
                self.columns[task] = list(own_units(task, found))
                continue
            if found.dim() == 1:
                place, sure = (found >= 0.5).long(), found
            else:
                sure, place = found.max(-1)
            self.columns[task] = [names[i] for i in place.tolist()]
            # A dot is in no name of a task, so this is the name of no other column
            self.columns[f"{task}.probability"] = [float(f"{value:.{DIGITS}g}") for value in sure.tolist()]
        self.decided = {f"decision.{name}": list(column) for name, column in (decided or {}).items()}
        self.columns = {**self.decided, **self.columns}  # what is decided comes first
        self.rows = len(next(iter(self.columns.values())))

    @override
    def records(self) -> list[dict[str, Value]]:
        rows = zip(*self.columns.values(), strict=True)
        named = OTHER if ROW in self.columns else ROW
        return [{named: number, **dict(zip(self.columns, row, strict=True))} for number, row in enumerate(rows, 1)]

    @override
    def summary(self) -> dict[str, float]:
        numbers = {name: column for name, column in self.columns.items() if isinstance(column[0], float)}
        return {"rows": self.rows, **{f"{name}_mean": fmean(map(float, column)) for name, column in numbers.items()}}  # type: ignore[arg-type]

    @override
    def content(self) -> dict[str, Any]:
        return {"summary": self.summary(), "notes": self.notes}  # the rows are in the listing, and may be many

    @override
    def table(self) -> Table:
        first = self.records()[:5]
        rows = [
            [f"{value:.10g}" if isinstance(value, float) else str(value) for value in record.values()]
            for record in first
        ]
        what = "Decisions on" if self.decided else "Predictions for"
        return plain_table(f"{what} {self.rows:,} rows, the first of them", list(first[0]), rows)
