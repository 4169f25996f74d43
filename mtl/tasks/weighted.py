"""Metrics of rows that have weights."""

from dataclasses import replace

import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import override

from mtl.errors import InputError
from mtl.tasks.influence import ClosedForm, closed_form
from mtl.tasks.task import Task


class WeightedMetric(Metric):
    """A metric in which rows count by their weights; torchmetrics has none of these but means.

    It is the mean of the rows' contributions in closed form (:mod:`mtl.tasks.influence`), computed in double precision
    when all rows have been seen. Weights of whole numbers give what so many copies of each row would.

    What is kept is no state of torchmetrics, since a ``MetricCollection`` takes metrics for one whose states are equal
    after the first batch.

    Args:
        metric: a template with a closed form.
        name: of the metric and its task, for the message.

    Raises:
        InputError: it has no closed form.
    """

    full_state_update = False

    def __init__(self, metric: Metric, name: str) -> None:
        super().__init__()
        form = closed_form(metric)
        if form is None:
            raise InputError(
                f"task.row_weight: metric {name} is not known for rows with weights: choose another primary"
            )
        self.form: ClosedForm = form
        self.metric = metric
        self._kept: list[tuple[Tensor, Tensor]] = []

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """Direction of the metric."""
        return self.metric.higher_is_better

    @override
    def update(self, scores: Tensor, target: Tensor, weights: Tensor) -> None:
        self._kept.append((self.form.statistics(scores, target).cpu(), weights.double().cpu()))

    @override
    def compute(self) -> Tensor:
        statistics, weights = (torch.cat(part) for part in zip(*self._kept, strict=True))
        return self.form.contributions(statistics, weights).mean()

    @override
    def reset(self) -> None:
        super().reset()
        self._kept = []


@closed_form.register
def of_weighted(metric: WeightedMetric) -> ClosedForm:
    """That of the metric inside, which is given the weights."""
    return metric.form


def with_row_weights(task: Task) -> Task:
    """The same task, its metrics for rows with weights. InputError for a metric that is not known for such rows."""
    metrics = {name: WeightedMetric(metric, f"'{name}' of task '{task.name}'") for name, metric in task.metrics.items()}
    return replace(task, metrics=metrics)
