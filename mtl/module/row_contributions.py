"""What each row contributes to every task's primary metric, gathered while the rows are measured."""

import numpy as np
import torch
from torch import Tensor

from mtl.tasks import Task, TaskGraph
from mtl.tasks.influence import ClosedForm, closed_form
from mtl.tasks.jackknife import group_jackknife


class RowContributions:
    """Takes the predictions of a split batch by batch, in the order of its rows.

    Of a metric with a closed form (:mod:`mtl.tasks.influence`) some numbers are kept of each row; of any other one its
    prediction and target are, in main memory.

    Args:
        graph: the tasks.
    """

    def __init__(self, graph: TaskGraph) -> None:
        self.by_task = {task.name: TaskRows(task) for task in graph.tasks}

    def add(self, name: str, prediction: Tensor, target: Tensor, rows: Tensor, weights: Tensor | None = None) -> None:
        """Add a batch of a task.

        Args:
            name: of the task.
            prediction: as the metrics read it, of the n rows with a label, ``[n, ...]``.
            target: of these rows.
            rows: which rows of the batch have a label, ``[B]`` bool.
            weights: of the n rows; None: 1 each.
        """
        self.by_task[name].add(prediction.cpu(), target.cpu(), rows.cpu(), None if weights is None else weights.cpu())

    def result(self) -> dict[str, np.ndarray]:
        """By task, the contribution of every row, ``[rows]`` in double precision.

        The mean over the rows with a label is the metric. NaN where a row has no label; of all rows where they do not
        define the metric or the influence on it.
        """
        return {name: rows.contributions().numpy() for name, rows in self.by_task.items()}


class TaskRows:
    """What is kept of the rows of one task."""

    def __init__(self, task: Task) -> None:
        self.metric = task.metrics[task.primary]
        self.form: ClosedForm | None = closed_form(self.metric)
        self.labelled: list[Tensor] = []
        self.statistics: list[Tensor] = []
        self.weights: list[Tensor] = []  # of the rows whose statistics are kept, where they have some
        self.whole: list[tuple[Tensor, Tensor]] = []  # predictions and targets

    def add(self, prediction: Tensor, target: Tensor, rows: Tensor, weights: Tensor | None) -> None:
        """Add the labelled rows of a batch, and which of its rows these are.

        A row whose weight is 0 counts as one without a label: it tells nothing of how others differ.
        """
        if weights is not None:
            counts = weights > 0
            rows = rows.masked_scatter(rows, counts)
            prediction, target, weights = prediction[counts], target[counts], weights[counts]
        self.labelled.append(rows)
        if self.form is not None and self.form.flat and target.dim() != 1:
            self.form = None
        if not len(target):
            return
        if self.form is not None:
            self.statistics.append(self.form.statistics(prediction, target))
            if weights is not None:
                self.weights.append(weights.double())
        else:
            self.whole.append((prediction, target))

    def contributions(self) -> Tensor:
        """The contribution of every row, see :meth:`RowContributions.result`."""
        rows = torch.cat(self.labelled)
        out = torch.full((len(rows),), torch.nan, dtype=torch.float64)
        if self.statistics and self.form is not None:
            found = self.form.contributions(
                torch.cat(self.statistics), torch.cat(self.weights) if self.weights else None
            )
        elif self.whole:
            found = group_jackknife(self.metric, *(torch.cat(part) for part in zip(*self.whole, strict=True)))
        else:
            return out
        if found.isfinite().all():
            out[rows] = found
        return out
