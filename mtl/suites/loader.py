"""Data in memory, served as whole batches by indexing."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Batch, Split
from mtl.tasks import labelled

# Rows of a batch that is only measured, and the most where rows are flat: a batch costs much beside so little work
MEASURED, MEASURED_FLAT = 1024, 4096
# Numbers of a batch that is only measured, where rows are not flat: what a network makes of large pictures, with an
# answer for every pixel, would otherwise not be held in memory
MEASURED_NUMBERS = 2**23


def steps_of_epoch(rows: int, batch_size: int) -> int:
    """Optimizer steps of an epoch of so many rows."""
    return max(1, -(-rows // batch_size))


class InMemoryLoader:
    """Serves a :class:`Split` as whole batches by indexing, without collating rows.

    One optimizer step takes ``batch_size`` rows, whatever the hardware: they are divided among ``accumulate``
    consecutive batches and, within those, among ``world`` processes, row r of a batch going to process ``r % world``.
    So the union of what all processes see is what one process would see, and gradients need only be averaged.

    The order of an epoch depends on ``(seed, epoch)`` alone, so that a resumed run goes on with the same batches.

    Args:
        split: the rows.
        batch_size: most rows of one optimizer step over all processes and accumulated batches.
        shuffle: a new order each epoch; else the rows as they stand.
        seed: of the order.
        accumulate: batches per optimizer step.
        rank: the number of this process.
        world: the number of processes.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.split, self.shuffle, self.seed = split, shuffle, seed
        self.accumulate, self.rank, self.world = accumulate, rank, world
        self.epoch = 0
        self.labels = torch.stack([labelled(target) for target in split.targets.values()], 1)  # [N, K]
        self.complete = bool(self.labels.all())
        # Steps of nearly equal size: no tiny last one, whose gradient would be mostly noise, and no row left out.
        self.steps = steps_of_epoch(len(split), batch_size)
        if len(split) // self.steps < accumulate * world:
            raise InputError(
                f"{len(split)} rows in steps of batch_size={batch_size} cannot be divided among "
                f"{accumulate} accumulated batches on {world} processes"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of epoch ``epoch``."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps * self.accumulate

    def order(self) -> Tensor:
        """Row numbers of this epoch, ``[N]``."""
        if not self.shuffle:
            return torch.arange(len(self.split))
        return torch.randperm(len(self.split), generator=self.generator())

    def generator(self) -> torch.Generator:
        """The random numbers of this epoch."""
        # Multiplied by a prime, so that seed 0 epoch 1 and seed 1 epoch 0 differ
        return torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)

    def plan(self) -> Sequence[Tensor]:
        """Row numbers of each step of this epoch."""
        return self.order().tensor_split(self.steps)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.plan():
            yield from self.divided(rows)

    def at(self, step: int) -> Iterator[Batch]:
        """The batches of one optimizer step, counted from the first of epoch 0 on."""
        epoch, number = divmod(step, self.steps)
        self.set_epoch(epoch)
        return self.divided(self.plan()[number])

    def divided(self, rows: Tensor) -> Iterator[Batch]:
        """The rows of one optimizer step, divided into batches."""
        size = len(rows)
        counts = (size,) * self.labels.shape[1] if self.complete else tuple(self.labels[rows].sum(0).tolist())
        for part in rows.tensor_split(self.accumulate):
            yield self.batch(part[self.rank :: self.world] if self.world > 1 else part, counts, size)

    def batch(self, rows: Tensor, counts: tuple[int, ...], size: int) -> Batch:
        """The rows as a batch."""
        # index_select gathers wide rows some four times as fast as an index in brackets
        inputs = {name: values.index_select(0, rows) for name, values in self.split.inputs.items()}
        targets = {name: target.index_select(0, rows) for name, target in self.split.targets.items()}
        weights = None if self.split.weights is None else self.split.weights.index_select(0, rows)
        return Batch(inputs, targets, counts, size, weights)


def measured_at_once(split: Split) -> int:
    """How many rows are measured at once; sets, pictures and texts are no light rows, and large pictures heavy ones."""
    if SINGLE in split.inputs and split.inputs[SINGLE].ndim == 2:
        return MEASURED_FLAT
    numbers = sum(values.numel() for values in (*split.inputs.values(), *split.targets.values()))
    return max(1, min(MEASURED, MEASURED_NUMBERS * len(split) // max(numbers, 1)))
