"""The batches of several runs on the same rows, side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl.nn.encoder import Inputs
from mtl.suites.batch import Batch
from mtl.suites.loader import InMemoryLoader


class StackedBatch(NamedTuple):
    """Rows of one step of R runs.

    Attributes:
        inputs: by name, ``[R, B, ...]`` each.
        targets: by task, ``[R, B, ...]``.
        counts: labelled rows of each task, of every run.
        size: B.
    """

    inputs: Inputs
    targets: dict[str, Tensor]
    counts: tuple[tuple[int, ...], ...]
    size: int

    def of(self, number: int) -> Batch:
        """The batch of one run."""
        inputs = {name: values[number] for name, values in self.inputs.items()}
        targets = {name: values[number] for name, values in self.targets.items()}
        return Batch(inputs, targets, self.counts[number], self.size)


class StackedLoader:
    """Serves the batches that R loaders of the same split would serve, each in its own order, in one tensor.

    Args:
        loaders: of one process each, without accumulated batches.
    """

    def __init__(self, loaders: Sequence[InMemoryLoader]) -> None:
        self.loaders = list(loaders)

    def keep(self, numbers: Sequence[int]) -> None:
        """Go on with some of the runs."""
        self.loaders = [self.loaders[number] for number in numbers]

    def set_epoch(self, epoch: int) -> None:
        """Choose the orders of epoch ``epoch``."""
        for loader in self.loaders:
            loader.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.loaders[0])

    def __iter__(self) -> Iterator[StackedBatch]:
        orders = torch.stack([loader.order() for loader in self.loaders])  # [R, N]
        for rows in orders.tensor_split(len(self), 1):
            yield self.batch(rows)

    def batch(self, rows: Tensor) -> StackedBatch:
        """The rows of these numbers ``[R, B]``."""
        first = self.loaders[0]
        runs, size = rows.shape
        counts = ((size,) * first.labels.shape[1],) * runs
        if not first.complete:
            counts = tuple(map(tuple, first.labels[rows].sum(1).tolist()))
        flat = rows.flatten()

        def gather(values: Tensor) -> Tensor:
            return values.index_select(0, flat).view(runs, size, *values.shape[1:])

        inputs = {name: gather(values) for name, values in first.split.inputs.items()}
        return StackedBatch(inputs, {name: gather(one) for name, one in first.split.targets.items()}, counts, size)
