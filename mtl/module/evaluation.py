"""How good predictions are: every task's metrics and mean loss over many batches, and one score of them all."""

import warnings
from typing import cast

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from mtl.config.factories import REFUSALS, one_line
from mtl.config.own_code import is_in_own_code
from mtl.config.run_result import LOSS, SplitMetrics
from mtl.errors import InputError
from mtl.module.loss_meter import Diverged
from mtl.module.row_contributions import RowContributions
from mtl.nn.by_name import ModulesByName
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, labelled
from mtl.tasks.measuring import by_one_process, computed

SMALLEST = 1e-12  # of a loss, before its logarithm is taken


class Evaluation(nn.Module):
    """Counts predictions in every task's metrics and losses.

    Each process measures all rows for itself, and a checkpoint holds nothing of it. Where rows have weights, losses are
    weighted means, and the metrics of the tasks have to be :class:`~mtl.tasks.weighted.WeightedMetric`.

    Args:
        graph: the tasks.
    """

    losses: Tensor
    rows: Tensor

    def __init__(self, graph: TaskGraph) -> None:
        super().__init__()
        self.graph = graph
        # Not in groups of one state: torchmetrics tells these by equal sums after the first batch, as those of two
        # metrics may be that count rare errors above two thresholds
        metrics = ModulesByName(
            {t.name: MetricCollection(dict(t.metrics), compute_groups=False).clone() for t in graph.tasks}
        )
        self.metrics = by_one_process(metrics)
        for name in ("losses", "rows"):
            self.register_buffer(name, torch.zeros(len(graph.tasks), dtype=torch.float64), persistent=False)
        self._below: set[str] = set()  # tasks that were warned of

    def add(self, predictions: dict[str, Tensor], batch: Batch, contributions: RowContributions | None = None) -> None:
        """Add the predictions of a batch to the metrics and losses, and to the contributions where they are wanted."""
        for index, task in enumerate(self.graph.tasks):
            prediction, target = predictions[task.name].float(), batch.targets[task.name]
            rows, weights = labelled(target), batch.weights
            self.losses[index] += task.losses(prediction, target, rows, weights).sum()
            if weights is not None:
                weights = weights[rows]
            self.rows[index] += rows.sum() if weights is None else weights.sum()
            if not rows.all():
                prediction, target = prediction[rows], target[rows]
            read = task.measured(prediction)
            if len(target):
                self._count(task.name, read, target, *(() if weights is None else (weights,)))
            if contributions is not None:
                contributions.add(task.name, read, target, rows, weights)

    def _count(self, task: str, read: Tensor, target: Tensor, *weights: Tensor) -> None:
        """Add rows to the metrics of a task. InputError where these do not take them."""
        metrics = cast(MetricCollection, self.metrics[task])
        try:
            metrics.update(read, target, *weights)
        except REFUSALS as error:
            if is_in_own_code(error):  # which has more to say of it
                raise
            raise InputError(
                f"the metrics of task '{task}' do not take what is decoded, {tuple(read.shape)}, with targets "
                f"{tuple(target.shape)}: {one_line(error)}"
            ) from error

    def result(self) -> SplitMetrics:
        """Metrics, mean losses and score of what was counted, which is then forgotten.

        Left out is what these rows do not define: everything of an unlabelled task, R2 of a single row, AUROC of a
        single class. A loss that is not finite is there, and None. The score is of the tasks that count.
        """
        found: dict[str, dict[str, float | None]] = {}
        rows = self.rows.tolist()
        losses = (self.losses / self.rows).tolist()
        for task, n, loss in zip(self.graph.tasks, rows, losses, strict=True):
            metrics = cast(MetricCollection, self.metrics[task.name])
            found[task.name] = {}
            if n:
                values = {name: computed(metric) for name, metric in metrics.items()}
                found[task.name] = {name: value for name, value in values.items() if value == value} | {LOSS: loss}
            metrics.reset()
        counted = [not task.auxiliary for task in self.graph.tasks]
        seen = [loss for loss, n, counts in zip(losses, rows, counted, strict=True) if n and counts]
        score = float(torch.tensor(seen, dtype=torch.float64).clamp(min=SMALLEST).log().mean().exp()) if seen else None
        self.losses.zero_()
        self.rows.zero_()
        return SplitMetrics(score=score, tasks=found)

    def validation_result(self, step: int) -> SplitMetrics:
        """The result of validation rows, by which a checkpoint is selected.

        Warns once of a task whose loss is below 0, of which the geometric mean says nothing.

        Args:
            step: optimizer steps so far.

        Returns:
            See :meth:`result`.

        Raises:
            Diverged: a loss is not finite, as when the last step has broken the network unseen.
            InputError: no row has a label.
        """
        measured = self.result()
        if not any(measured.tasks[name] for name in self.graph.main):
            which = "" if len(self.graph.main) == len(self.graph.names) else " of a task that counts"
            raise InputError(f"no row of the val split has a label{which}: nothing to select a checkpoint by")
        losses = {name: values[LOSS] for name, values in measured.tasks.items() if values}
        for name, loss in losses.items():
            if loss is None:
                raise Diverged.at(step, f"validation loss of task '{name}'")
            if loss < 0 and name not in self._below and name in self.graph.main:
                self._below.add(name)
                warnings.warn(
                    f"the validation loss of task '{name}' is below 0: val/score, the geometric mean of the losses, "
                    f"takes it for {SMALLEST:g}, so what selects the epoch, ends the training and ranks runs does not "
                    "see it change; a constant added to the loss keeps it above",
                    stacklevel=2,
                )
        return measured
