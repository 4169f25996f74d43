"""The batches of several runs on the same rows, side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl.nn.encoder import Inputs
from mtl.nn.short_sets import lengths_of, parts_of_sorted
from mtl.suites.batch import Batch
from mtl.suites.loader import InMemoryLoader


class StackedBatch(NamedTuple):
    """Rows of one step of R runs.

    Attributes:
        inputs: by name, ``[R, B, ...]`` each.
        targets: by task, ``[R, B, ...]``.
        counts: labelled rows of each task, of every run.
        size: B.
        parts: of the rows where these are sets, which come sorted by length (:mod:`mtl.nn.short_sets`); else none.
    """

    inputs: Inputs
    targets: dict[str, Tensor]
    counts: tuple[tuple[int, ...], ...]
    size: int
    parts: tuple[tuple[int, int], ...] = ()

    def of(self, number: int) -> Batch:
        """The batch of one run."""
        inputs = {name: values[number] for name, values in self.inputs.items()}
        targets = {name: values[number] for name, values in self.targets.items()}
        return Batch(inputs, targets, self.counts[number], self.size)


class StackedLoader:
    """Serves the batches that R loaders of the same split would serve, each in its own order, in one tensor.

    Sets come sorted by their length within a batch, so that one choice of the parts that are computed without padding
    holds for all runs: no loss depends on the order of the rows of a batch.

    Args:
        loaders: of one process each, without accumulated batches.
    """

    def __init__(self, loaders: Sequence[InMemoryLoader]) -> None:
        self.loaders = list(loaders)
        mask = self.loaders[0].split.inputs.get("mask")
        self.lengths = None if mask is None or mask.dim() != 2 else lengths_of(mask)  # [N]

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
        parts: tuple[tuple[int, int], ...] = ()
        if self.lengths is not None:
            lengths, by_length = self.lengths[rows].sort(dim=1, stable=True)
            rows = rows.gather(1, by_length)
            parts = tuple(parts_of_sorted(lengths, first.split.inputs["mask"].shape[1]))
        counts = ((size,) * first.labels.shape[1],) * runs
        if not first.complete:
            counts = tuple(map(tuple, first.labels[rows].sum(1).tolist()))
        flat = rows.flatten()

        def gather(values: Tensor) -> Tensor:
            return values.index_select(0, flat).view(runs, size, *values.shape[1:])

        inputs = {name: gather(values) for name, values in first.split.inputs.items()}
        targets = {name: gather(one) for name, one in first.split.targets.items()}
        return StackedBatch(inputs, targets, counts, size, parts)
