"""Rows of a step, and of a split: inputs by name and targets by task."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mtl.nn.encoder import Inputs


class Batch(NamedTuple):
    """Rows of one step on one process.

    Attributes:
        inputs: by name, ``[B, ...]`` each; only encoders (and masked heads) read them.
        targets: by task, ``[B, ...]``; NaN (floating) or -100 (integer) = no label for this row.
        counts: labelled rows of each task in the whole optimizer step, over all processes and accumulated batches, in
            task order. They make means over labelled rows exact however the step is divided. Empty: not known.
        size: rows of the whole step; where ``counts`` says as many, no row has to be masked.
        weights: of the rows in every loss and metric, ``[B]``; None: 1 each.
    """

    inputs: Inputs
    targets: dict[str, Tensor]
    counts: tuple[int, ...] = ()
    size: int = 0
    weights: Tensor | None = None

    @property
    def present(self) -> tuple[int, ...]:
        """Indices of the tasks with labels in the step, by the counts."""
        return tuple(i for i, n in enumerate(self.counts) if n)


@dataclass(frozen=True, eq=False)  # no tuple: its length is that of the rows
class Split:
    """The rows of one stage in memory; ``dataclasses.replace`` makes one with other parts.

    Attributes:
        inputs: by name, ``[N, ...]`` each.
        targets: by task, ``[N, ...]`` each.
        weights: of the rows in every loss and metric, ``[N]``, 1 on average over the training rows; None: 1 each.
        groups: which rows belong together, such as the states of one job shop: the number of each row's group, ``[N]``
            int64. Rows of one group may depend on each other, those of two do not. None: no row depends on another.
    """

    inputs: Inputs
    targets: dict[str, Tensor]
    weights: Tensor | None = None
    groups: Tensor | None = None

    def __iter__(self) -> Iterator[Any]:
        yield from (self.inputs, self.targets, self.weights, self.groups)

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def rows(self, numbers: Tensor) -> "Split":
        """The rows of these numbers, or those that a mask ``[N]`` names."""
        inputs = {name: values[numbers] for name, values in self.inputs.items()}
        targets = {name: target[numbers] for name, target in self.targets.items()}
        weights, groups = (None if values is None else values[numbers] for values in (self.weights, self.groups))
        return Split(inputs, targets, weights, groups)

    def beside(self) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None]:
        """Groups and weights of the rows as arrays; None where there are none."""
        groups = None if self.groups is None else self.groups.numpy()
        return groups, None if self.weights is None else self.weights.double().numpy()

    def of(self, tasks: Iterable[str]) -> "Split":
        """The same rows with the targets of these tasks only, in their order."""
        return Split(self.inputs, {task: self.targets[task] for task in tasks}, self.weights, self.groups)
