"""The plainest learner as a baseline: logistic and linear regression on the training rows of a run's own suite."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from mtl.nn.encoder import Inputs
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import Task, labelled

MOST_ROWS = 50_000  # of training that are fitted: more would tell a linear model nothing new
PENALTY = 1.0  # half the weight of the squared coefficients, of standardised columns, beside the sum over the rows
SMALLEST = 1e-3  # probability of a class, as least squares may give one below 0

Matrix = NDArray[np.float64]


class LinearBaseline:
    """A linear model of each task, of the inputs that the network reads.

    A yes-or-no task is fitted by logistic regression, a number by least squares, classes by least squares of an
    indicator of each, all with a ridge penalty. Numbers are standardised, with a column that says where one is missing
    if one is in training; categories get a column for each value of the training rows.

    Args:
        data: the suite, its rows loaded.
        names: tasks to be fitted, of kind binary, regression or classes.
    """

    def __init__(self, data: MultiTaskDataModule, names: Sequence[str]) -> None:
        split = data.splits["train"]
        if len(split) > MOST_ROWS:
            chosen = torch.randperm(len(split), generator=torch.Generator().manual_seed(data.seed))[:MOST_ROWS]
            split = split.rows(chosen)
        self.design = Design(split.inputs)
        columns = self.design.matrix(split.inputs)
        self.weights: dict[str, Matrix] = {}
        for task in data.tasks:
            if task.name in names:
                known = labelled(split.targets[task.name])
                target = split.targets[task.name][known].double()
                rows = columns if bool(known.all()) else columns[known.numpy()]  # a copy of wide rows is large
                self.weights[task.name] = fit(task, rows, target)

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions of the fitted tasks, ``[N]`` each, of classes ``[N, C]``, as a network gives them."""
        columns = self.design.matrix(inputs)
        found = {name: columns @ weights for name, weights in self.weights.items()}
        # An indicator's prediction is read as the probability of its class
        raw = {name: np.log(np.maximum(one, SMALLEST)) if one.ndim == 2 else one for name, one in found.items()}
        return {name: torch.from_numpy(one).float() for name, one in raw.items()}


class Design:
    """Which columns a linear model gets, of any inputs of a table.

    Args:
        inputs: the training rows.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.moments: dict[str, tuple[Matrix, Matrix, NDArray[np.bool_]]] = {}
        self.values: dict[str, list[Tensor]] = {}
        for name, values in inputs.items():
            flat = values.flatten(1)
            if flat.is_floating_point():
                numbers = flat.double().numpy()
                there = ~np.isnan(numbers)
                count = np.maximum(there.sum(0), 1)
                mean = np.where(there, numbers, 0.0).sum(0) / count
                deviation = np.sqrt((np.where(there, numbers - mean, 0.0) ** 2).sum(0) / count)
                self.moments[name] = mean, np.where(deviation > 0, deviation, 1.0), ~there.all(0)
            else:
                self.values[name] = [column.unique() for column in flat.T]

    def matrix(self, inputs: Inputs) -> Matrix:
        """The columns of these rows, a constant first, ``[N, C]``."""
        parts = [np.ones((len(next(iter(inputs.values()))), 1))]
        for name, (mean, deviation, lacking) in self.moments.items():
            numbers = inputs[name].flatten(1).double().numpy()
            missing = np.isnan(numbers)
            parts += [np.where(missing, 0.0, (numbers - mean) / deviation), missing[:, lacking]]
        for name, columns in self.values.items():
            for values, column in zip(columns, inputs[name].flatten(1).T, strict=True):
                parts.append((column[:, None] == values).double().numpy())
        return np.concatenate(parts, axis=1)


def fit(task: Task, columns: Matrix, target: Tensor) -> Matrix:
    """The coefficients ``[C]`` with which a linear model predicts a task; of classes a column of them each.

    Args:
        task: of kind binary, regression or classes.
        columns: of N training rows, the constant first, ``[N, C]``.
        target: their labels, ``[N]``.

    Returns:
        The coefficients. The constant is not penalised.
    """
    penalty = np.full(columns.shape[1], PENALTY)
    penalty[0] = 0.0
    if task.kind == "classes":
        indicators = np.eye(int(target.max()) + 1)[target.long().numpy()]
        penalty[0] = 1e-9
        return np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ indicators)
    if task.kind == "regression":
        raw = (target if task.encode is None else task.encode(target)).numpy()
        penalty[0] = 1e-9  # else a column that is constant too would make the system singular
        return np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ raw)
    sign = 2.0 * target.numpy() - 1.0

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        margin = sign * (columns @ weights)
        value = np.logaddexp(0.0, -margin).sum() + 0.5 * (penalty * weights**2).sum()
        return value, penalty * weights - columns.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x)
