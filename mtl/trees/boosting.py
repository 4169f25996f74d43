"""Gradient boosting of each task by itself, stopped by the task's loss on the validation rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np
import torch

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import Task, labelled
from mtl.trees.columns import Matrix, categorical, matrix_of
from mtl.trees.forest import Forest
from mtl.trees.lightgbm import lightgbm

LARGEST_SEED = 2**31  # seeds of LightGBM are below it
# By kind of task, LightGBM's name of the loss that is minimised, and of its mean on the validation rows
LOSSES = {
    "binary": ("binary", "binary_logloss"),
    "classes": ("multiclass", "multi_logloss"),
    "ordinal": ("multiclass", "multi_logloss"),
    "regression": ("l2", "l2"),
    "count": ("poisson", "poisson"),
}


class Rows(NamedTuple):
    """The labelled rows of a task: columns ``[N, F]``, labels ``[N]``, weights ``[N]`` or None: all count alike."""

    columns: Matrix
    labels: np.ndarray
    weights: np.ndarray | None


class Boosted(NamedTuple):
    """What boosting left of one task.

    Attributes:
        text: the trees up to the best iteration, as LightGBM writes them.
        losses: on the validation rows, after each iteration.
        best: the iteration with the lowest one, from 0.
    """

    text: str
    losses: list[float]
    best: int


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient-boosted trees: each iteration adds the tree that lowers the loss most, along its gradient.

    Sources: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 2001,
    https://doi.org/10.1214/aos/1013203451; rows and columns drawn anew: Friedman, "Stochastic Gradient Boosting",
    Computational Statistics & Data Analysis 2002, https://doi.org/10.1016/S0167-9473(01)00065-2; trees from histograms,
    grown leaf by leaf: Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NeurIPS 2017,
    https://papers.nips.cc/paper/2017/hash/6449f44a102fde848669bdd9eb6b76fa-Abstract.html, by whose library they grow.

    ``f_0`` is the constant of the lowest training loss; ``f_m(x) = f_{m-1}(x) + learning_rate v_m(leaf_m(x))`` with the
    value ``v = -G / (H + lambda_l2)`` of a leaf, G and H the sums of the loss's first and second derivatives over the
    leaf's rows. A task of several classes grows a tree for each of them per iteration. The loss is that of the task's
    kind: binary cross-entropy, cross-entropy (classes from low to high are learned as if they had no order), squared
    error of the standardised target, or the Poisson likelihood.

    Deviations: early stopping looks at the run's validation rows, the same that select a network's checkpoint, and the
    trees end with the iteration of the lowest validation loss. By default each tree sees 80 % of the rows and of the
    columns, where LightGBM's default is all: with all of them no number would depend on the seed (but for bins of more
    than 200,000 rows), and the spread over seeds would be 0. The other defaults are LightGBM's, but for the number of
    iterations, which validation decides.

    Args:
        learning_rate: factor of every tree.
        num_leaves: most leaves of a tree.
        num_iterations: most iterations.
        early_stopping_round: iterations without a lower validation loss after which boosting stops.
        min_data_in_leaf: fewest rows of a leaf.
        lambda_l2: penalty on the values of leaves.
        bagging_fraction: share of the rows, drawn for every iteration.
        feature_fraction: share of the columns, drawn for every tree.

    Raises:
        InputError: a value out of its range.
    """

    learning_rate: float = 0.1
    num_leaves: int = 31
    num_iterations: int = 1000
    early_stopping_round: int = 50
    min_data_in_leaf: int = 20
    lambda_l2: float = 0.0
    bagging_fraction: float = 0.8
    feature_fraction: float = 0.8

    def __post_init__(self) -> None:
        for name, least in (
            ("num_leaves", 2),
            ("num_iterations", 1),
            ("early_stopping_round", 1),
            ("min_data_in_leaf", 1),
        ):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"model.{name}={value}: expected a whole number, {least} or more")
        for name in ("learning_rate", "bagging_fraction", "feature_fraction"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value <= 1:
                raise InputError(f"model.{name}={value}: expected a number above 0, at most 1")
        if type(self.lambda_l2) not in (int, float) or not 0 <= self.lambda_l2 < inf:
            raise InputError(f"model.lambda_l2={self.lambda_l2}: expected a number, 0 or more")

    def check(self, data: MultiTaskDataModule) -> None:
        """InputError if a task is of no kind that trees learn."""
        for task in data.tasks:
            if task.kind not in LOSSES:
                raise InputError(
                    f"model=trees learns tasks of the kinds {', '.join(LOSSES)}, and '{task.name}' is of the kind "
                    f"{task.kind or 'unknown'}; tasks=[...] names a part of the tasks"
                )

    def fit(
        self, data: MultiTaskDataModule, seed: int, threads: int, on_task: Callable[[str, Boosted], None]
    ) -> Forest:
        """Boost every task by itself on its labelled training rows.

        Args:
            data: raw columns, loaded.
            seed: of the rows and columns that each tree sees and, with more than 200,000 rows, of those from which the
                histograms' bins are made.
            threads: of the processor; with another number results are the same.
            on_task: called with each task's name and what boosting left, when it is done.

        Returns:
            The trees of all tasks.

        Raises:
            InputError: a task has no label in the training or the validation rows.
        """
        columns = {split: matrix_of(data.splits[split].inputs) for split in ("train", "val")}
        categories = categorical(data.splits["train"].inputs)
        texts = {}
        for task in data.tasks:
            parts = {split: labelled_rows(task, columns[split], data.splits[split], split) for split in columns}
            boosted = self.boost(task, parts["train"], parts["val"], categories, self._parameters(task, seed, threads))
            texts[task.name] = boosted.text
            on_task(task.name, boosted)
        return Forest(texts)

    def _parameters(self, task: Task, seed: int, threads: int) -> dict[str, Any]:
        loss, metric = LOSSES[task.kind]
        return {
            "objective": loss,
            "metric": metric,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "lambda_l2": self.lambda_l2,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "feature_fraction": self.feature_fraction,
            "seed": seed % LARGEST_SEED,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,  # else the faster layout is measured, and results depend on the clock
            "verbosity": -1,
            **({"num_class": classes_of(task)} if loss == "multiclass" else {}),
        }

    def boost(
        self, task: Task, train: Rows, val: Rows, categories: list[int], parameters: Mapping[str, Any]
    ) -> Boosted:
        """Boost one task until its validation loss no longer falls.

        Args:
            task: says the scale of a regression's labels.
            train: rows to learn from.
            val: rows to select on.
            categories: which columns are categories.
            parameters: of LightGBM.

        Returns:
            The trees and the course of the loss.
        """
        library = lightgbm()
        first, second = (
            library.Dataset(rows.columns, standardised(task, rows.labels), weight=rows.weights) for rows in (train, val)
        )
        first.set_categorical_feature(categories)
        second.set_reference(first)
        course: dict[str, dict[str, list[float]]] = {}
        booster = library.train(
            dict(parameters),
            first,
            self.num_iterations,
            valid_sets=[second],
            valid_names=["val"],
            callbacks=[
                library.early_stopping(self.early_stopping_round, verbose=False),
                library.record_evaluation(course),
            ],
        )
        (losses,) = course["val"].values()
        best = booster.best_iteration
        return Boosted(booster.model_to_string(num_iteration=best), losses, best - 1)


def labelled_rows(task: Task, columns: Matrix, rows: Split, split: str) -> Rows:
    """The rows of a split that have a label of a task.

    Args:
        task: the task.
        columns: of all rows, ``[N, F]``.
        rows: with the labels.
        split: its name, for the message.

    Returns:
        The rows.

    Raises:
        InputError: there are none.
    """
    target = rows.targets[task.name]
    known = labelled(target)
    if not known.any():
        raise InputError(f"task '{task.name}' has no label in the {split} split: model=trees learns and stops by them")
    weights = None if rows.weights is None else rows.weights[known].double().numpy()
    if task.class_weights is not None:
        by_class = np.array(task.class_weights)[target[known].long().numpy()]
        weights = by_class if weights is None else weights * by_class
    return Rows(columns if known.all() else columns[known.numpy()], target[known].double().numpy(), weights)


def standardised(task: Task, labels: np.ndarray) -> np.ndarray:
    """Labels on the scale of raw predictions: numbers as their loss reads them, others as they are.

    Args:
        task: whose ``encode`` takes labels there, or whose ``decode`` takes raw predictions to the target's units.
        labels: ``[N]``.

    Returns:
        ``[N]``.

    Raises:
        InputError: ``decode`` is no scale and offset.
    """
    if task.encode is not None:
        found: np.ndarray = task.encode(torch.from_numpy(labels)).numpy()
        return found
    if task.kind != "regression":
        return labels
    zero, one, two = task.decode(torch.arange(3, dtype=torch.float64)).tolist()
    if not np.isclose(two - one, one - zero) or one == zero:
        raise InputError(f"model=trees learns a number up to scale and offset, and task '{task.name}' decodes another")
    values: np.ndarray = (labels - zero) / (one - zero)
    return values


def classes_of(task: Task) -> int:
    """How many classes a task has: the width of its head's prediction."""
    return int(task.head(1)(torch.zeros(1, 1), {}).shape[-1])
