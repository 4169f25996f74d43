"""Losses of a row that depend on the other rows of its batch, found on a first batch."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, labelled

TOLERANCE, SMALLEST = 1e-4, 1e-6  # of a loss, relative and absolute


@torch.no_grad()
def notes_across_rows(graph: TaskGraph, predictions: Mapping[str, Tensor], batch: Batch) -> list[str]:
    """What is to be said of tasks whose loss of a row changes with the other rows: as a rule, none.

    A loss whose shapes were broadcast compares each prediction with the labels of all rows, and has a value for each
    row as one that is right; so has one that is meant to compare rows, which is another one in every batch.

    The loss of the first labelled row is computed twice, once with all other rows being copies of it. Random numbers
    that a loss draws are the same both times, and what is drawn afterwards stays as it is.

    Args:
        graph: the tasks.
        predictions: raw, by task.
        batch: their rows.

    Returns:
        A line for each such task.
    """
    notes = []
    for task in graph.tasks:
        prediction, target = predictions[task.name], batch.targets[task.name]
        if len(prediction) != len(target):  # of an ensemble
            continue
        rows = labelled(target)
        prediction, target = prediction[rows], target[rows]
        if len(target) < 2:
            continue
        copies = prediction[:1].repeat_interleave(len(target), 0), target[:1].repeat_interleave(len(target), 0)
        found = []
        for pair in ((prediction, target), copies):
            with torch.random.fork_rng([prediction.device] if prediction.device.type == "cuda" else []):
                found.append(task.losses(*pair)[0])
        whole, alone = found
        if not torch.allclose(whole, alone, rtol=TOLERANCE, atol=SMALLEST, equal_nan=True):
            notes.append(
                f"task '{task.name}': the loss of a row depends on the other rows of its batch. If that is not meant, "
                f"look at the shapes in it, predictions {tuple(prediction.shape)} and targets {tuple(target.shape)}; "
                "if it is, the loss is another one in batches of another size (batch_size, accumulate, validation), "
                "and it reads 0 in place of a missing label"
            )
    return notes
