"""Predictions for the rows that a run keeps for its test, beside the labels of these rows."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.tasks import labelled


class LabelledRows(NamedTuple):
    """Rows that have a label for each of some tasks, in the order of the split.

    Attributes:
        predicted: decoded predictions by task, ``[N, ...]``.
        true: labels by task, ``[N, ...]``.
    """

    predicted: dict[str, Tensor]
    true: dict[str, Tensor]


def predict_test_rows(predict: Predict, data: MultiTaskDataModule, names: Sequence[str]) -> LabelledRows:
    """Predict the test rows of a run's own suite, batch by batch as they are measured.

    Args:
        predict: inputs to raw predictions by task.
        data: the suite, its rows loaded.
        names: the tasks to predict.

    Returns:
        The test rows with a label for all of these tasks.

    Raises:
        InputError: there is no such row.
    """
    tasks = [task for task in data.tasks if task.name in names]
    predicted: dict[str, list[Tensor]] = {name: [] for name in names}
    true: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in data.loader("test"):
        known = torch.stack([labelled(batch.targets[name]) for name in names]).all(0)
        raw = predict(batch.inputs)
        for task in tasks:
            predicted[task.name].append(task.decode(raw[task.name]).float()[known])
            true[task.name].append(batch.targets[task.name][known])
    rows = LabelledRows(*({name: torch.cat(parts) for name, parts in part.items()} for part in (predicted, true)))
    if not len(rows.true[names[0]]):
        raise InputError(f"no test row has a label for {' and '.join(names)}, so there is nothing to act on")
    return rows
