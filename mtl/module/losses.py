"""From predictions to task losses, and the labelled rows that they are means over."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.distributed import mean_over_processes, processes
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, labelled


def loss_sums(graph: TaskGraph, predictions: dict[str, Tensor], batch: Batch) -> list[Tensor]:
    """Sum of the losses of a batch's rows, one scalar per task; rows without a label add nothing.

    Where an ensemble has several predictions for each row, the loss of the row is the mean of theirs. Rows count by
    their weights, which are 1 on average.
    """
    sums = []
    for index, task in enumerate(graph.tasks):
        prediction, target = predictions[task.name], batch.targets[task.name]
        complete = bool(batch.counts) and batch.counts[index] == batch.size
        members = len(prediction) // max(len(target), 1)
        weights = batch.weights
        if members > 1:
            target = target.repeat_interleave(members, 0)
            weights = None if weights is None else weights.repeat_interleave(members, 0)
        total = task.losses(prediction, target, None if complete else labelled(target), weights).sum()
        sums.append(total / members if members > 1 else total)
    return sums


def count_labels(graph: TaskGraph, batch: Batch, batches: int) -> tuple[int, ...]:
    """Labelled rows of each task in an optimizer step, for a batch that comes without these counts.

    Every one of the ``batches`` of the step is taken to have as many as this one.
    """
    rows = [labelled(batch.targets[name]).sum() for name in graph.names]
    mean = mean_over_processes(torch.stack(rows).float()) * (processes() * batches)
    return tuple(int(n) for n in mean.round().tolist())


def share_factors(counts: Sequence[int], batches: int) -> list[float]:
    """What makes of a batch's loss sums its shares of the step's mean losses, one factor per task.

    The mean of the shares over processes and accumulated batches is the mean over the labelled rows of the step.

    Args:
        counts: labelled rows of each task in the whole optimizer step.
        batches: accumulated batches of the step.

    Returns:
        K factors; of a task without labels any number.
    """
    return [processes() * batches / max(n, 1) for n in counts]
