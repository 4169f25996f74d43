"""A suite: data and the tasks that are learned from it."""

from dataclasses import replace
from functools import partial

import torch

from acme.head import WideHead
from mtl.nn.encoder import SINGLE
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import binary, regression


class Deliveries(MultiTaskDataModule):
    """Deliveries: how long one takes, and whether it is late. Replace the numbers drawn here by your own.

    Args:
        rows: how many, divided 60/20/20 into train, val and test.
        seed: of the rows (not of the training).
    """

    def __init__(self, rows: int = 600, seed: int = 0) -> None:
        super().__init__()
        self.rows, self.data_seed = rows, seed
        self.input_shape = {SINGLE: (4,)}  # of one row: distance, weight, traffic, rain
        hours = replace(regression("hours"), head=partial(WideHead, columns=4))
        self.tasks = (hours, binary("late"))  # their order is that of every vector of losses

    @property
    def fingerprint(self) -> str:
        """Changes whenever the rows would: of a file, a hash of it."""
        return f"deliveries-{self.rows}-{self.data_seed}"

    def load(self) -> dict[str, Split]:
        """The rows. NaN would stand for a label that is missing."""
        generator = torch.Generator().manual_seed(self.data_seed)
        x = torch.randn(self.rows, 4, generator=generator)
        hours = x[:, 0] + x[:, 0] * x[:, 2] + 0.5 * x[:, 3]
        late = hours + 0.5 * torch.randn(self.rows, generator=generator) > 0.8
        whole = Split({SINGLE: x}, {"hours": hours, "late": late.float()})
        first, second = int(0.6 * self.rows), int(0.8 * self.rows)
        ends = {"train": (0, first), "val": (first, second), "test": (second, self.rows)}
        return {name: whole.rows(torch.arange(start, end)) for name, (start, end) in ends.items()}
