"""Predictions for the rows that a run keeps for its test or validation, beside the labels of these rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
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


def predict_test_rows(
    predict: Predict, data: MultiTaskDataModule, names: Sequence[str], split: str = "test"
) -> LabelledRows:
    """Predict the test rows of a run's own suite, batch by batch as they are measured.

    Args:
        predict: inputs to raw predictions by task.
        data: the suite, its rows loaded.
        names: the tasks to predict.
        split: the rows; another split than the test is for what is chosen before the test is looked at.

    Returns:
        The rows with a label for all of these tasks.

    Raises:
        InputError: there is no such row.
    """
    tasks = [task for task in data.tasks if task.name in names]
    predicted: dict[str, list[Tensor]] = {name: [] for name in names}
    true: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in data.loader(split):
        known = torch.stack([labelled(batch.targets[name]) for name in names]).all(0)
        raw = predict(batch.inputs)
        for task in tasks:
            predicted[task.name].append(task.decode(raw[task.name]).float()[known])
            true[task.name].append(batch.targets[task.name][known])
    rows = LabelledRows(*({name: torch.cat(parts) for name, parts in part.items()} for part in (predicted, true)))
    if not len(rows.true[names[0]]):
        raise nothing_to_act_on(names, split)
    return rows


def rows_with_labels(data: MultiTaskDataModule, names: Sequence[str], split: str = "test") -> Tensor:
    """Which rows have a label for each of some tasks, ``[N]``.

    Args:
        data: the suite, its rows loaded.
        names: the tasks.
        split: the rows.

    Returns:
        Whether each row has all of them.

    Raises:
        InputError: there is no such row.
    """
    known = torch.stack([labelled(data.splits[split].targets[name]) for name in names]).all(0)
    if not known.any():
        raise nothing_to_act_on(names, split)
    return known


def nothing_to_act_on(names: Sequence[str], split: str) -> InputError:
    """What is said where no row of a split has a label for each of some tasks."""
    return InputError(f"no {split} row has a label for {' and '.join(names)}, so there is nothing to act on")


def predict_rows(
    predict: Predict, data: MultiTaskDataModule, names: Sequence[str], split: str
) -> dict[str, NDArray[np.float64]]:
    """Decoded predictions of some tasks for all rows of a split, in its order, also of those without a label.

    Args:
        predict: inputs to raw predictions by task.
        data: the suite, its rows loaded.
        names: the tasks to predict.
        split: its name.

    Returns:
        By task, ``[N, ...]``.
    """
    tasks = [task for task in data.tasks if task.name in names]
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in data.loader(split):
        raw = predict(batch.inputs)
        for task in tasks:
            found[task.name].append(task.decode(raw[task.name]).double().cpu())
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}
