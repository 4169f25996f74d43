"""Tables whose targets are known functions of their columns."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import NO_LABEL, Task, binary, classification, regression

TASKS = (binary("above"), classification("third", 3), regression("level", mean=50.0, std=20.0))
SIZES = {"train": 1500, "val": 400, "test": 400}


class Planted(MultiTaskDataModule):
    """A binary task, one of three classes and a number of a scale of its own, all told without noise by few splits."""

    fingerprint = "planted"
    raw_columns = True

    def __init__(self, tasks: Sequence[Task] = TASKS) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.input_shape = {"numbers": (3,), "categories": (1,)}
        draw = torch.Generator().manual_seed(0)
        self.given = {name: planted(rows, draw) for name, rows in SIZES.items()}
        self.setup("fit")

    def load(self) -> dict[str, Split]:
        return self.given


def planted(rows: int, draw: torch.Generator) -> Split:
    """One split; a number is missing in a tenth of the rows, a category in some."""
    numbers = torch.randn(rows, 3, generator=draw, dtype=torch.float64)
    category = torch.randint(-1, 6, (rows, 1), generator=draw)
    first = numbers[:, 0]
    level = 30 + 40 * (first > 0) + 15 * (numbers[:, 1] > 0.5)
    third = torch.tensor([2, 0, 1, 2, 0, 1, 2])[category[:, 0]]  # -1, the last, has a class as well
    inputs = {
        "numbers": numbers.masked_fill(torch.rand(rows, 3, generator=draw) < 0.1, torch.nan),
        "categories": category,
    }
    inputs["numbers"][:, :2] = numbers[:, :2]
    targets = {"above": (first * (numbers[:, 1] > 0) > 0.3).float(), "third": third, "level": level.float()}
    return Split(inputs, targets)


def without_labels(target: Tensor, share: float) -> Tensor:
    """The target with a share of its labels taken away, from the first row on."""
    out = target.clone()
    out[: int(share * len(target))] = torch.nan if target.is_floating_point() else NO_LABEL
    return out
