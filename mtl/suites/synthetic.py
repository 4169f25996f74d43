"""Planted truth: tasks whose relatedness is known because it was chosen."""

import hashlib
from math import sqrt

import torch
from torch import Tensor

from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import NO_LABEL, Task, binary, classification, regression


class SyntheticSuite(MultiTaskDataModule):
    """Tasks that look at directions of chosen cosine.

    After the synthetic data of Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts", KDD 2018, https://doi.org/10.1145/3219819.3220007 (section 3.2), for any number of tasks.

    ``x ~ N(0, I_F)``; ``y_i = scale_i (u_i + sum_m sin(a_m u_i + b_m)) + noise`` with ``u_i = w_i'x`` and cosine
    ``relatedness`` between ``w_i`` and ``w_j`` for all pairs of one block (with two tasks down to -1, with K down to
    ``-1/(K-1)``), 0 between blocks. Targets are standardised, then ``scale_i`` runs geometrically from 1 to
    ``scale_ratio``.

    What is best is known. With ``relatedness`` 1 one trunk serves all, the better the fewer labels there are. With
    0 the tasks have nothing to give each other. With ``blocks`` both at once: task i is of block ``i % blocks``, and
    the blocks are the groups in which to learn. And ``conflict`` makes a share of the rows, known by the last input,
    pull every second task the opposite way, which only a network that looks at the input can serve.

    A binary task asks whether ``y_i`` is above a quantile, one of classes between which of several it lies.

    Args:
        num_tasks: K.
        rows: rows of train, val and test together, divided 60/20/20.
        features: F, at least K + 1.
        relatedness: cosine between the tasks' directions.
        noise: standard deviation of the noise relative to the signal's.
        scale_ratio: largest over smallest scale of the targets, which makes losses of unlike size.
        missing: share of labels taken away, in train and val.
        seed: of the data (not of the training).
        conflict: share of rows, those of the lowest last input, in which ``u_i`` of every second task changes its sign.
        kinds: ``regression``, ``binary``, ``classes``, or ``mixed``: these three in turn.
        imbalance: how many times as frequent the commonest class is as the rarest, the others between them
            geometrically.
        blocks: in how many blocks the tasks are.
    """

    def __init__(
        self,
        num_tasks: int = 3,
        rows: int = 5000,
        features: int = 32,
        relatedness: float = 0.5,
        noise: float = 0.1,
        scale_ratio: float = 1.0,
        missing: float = 0.0,
        seed: int = 0,
        conflict: float = 0.0,
        kinds: str = "regression",
        imbalance: float = 1.0,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        if num_tasks < 1 or features <= num_tasks or rows < 10:
            raise InputError(
                f"task.num_tasks={num_tasks}, features={features}, rows={rows}: expected 1 task or more, "
                "more features than tasks, 10 rows or more"
            )
        if not 1 <= blocks <= num_tasks:
            raise InputError(f"task.blocks={blocks}: with {num_tasks} tasks it can be 1 to {num_tasks}")
        largest = -(-num_tasks // blocks)
        least = -1.0 / (largest - 1) if largest > 1 else -1.0
        if not least <= relatedness <= 1:
            raise InputError(
                f"task.relatedness={relatedness}: with {largest} tasks {'in a block ' if blocks > 1 else ''}"
                f"it can be {least:.3g} to 1"
            )
        if not 0 <= missing < 1 or noise < 0 or scale_ratio <= 0:
            raise InputError(
                f"task.missing={missing}, noise={noise}, scale_ratio={scale_ratio}: expected [0, 1), >= 0, > 0"
            )
        if not 0 <= conflict <= 1 or imbalance < 1:
            raise InputError(f"task.conflict={conflict}, imbalance={imbalance}: expected [0, 1], >= 1")
        if kinds not in KINDS:
            raise unknown("kind in task.kinds", kinds, KINDS)
        # 0 and 0.0 are the same data, and have the same fingerprint
        relatedness, noise, scale_ratio, missing = map(float, (relatedness, noise, scale_ratio, missing))
        self.arguments = (num_tasks, rows, features, relatedness, noise, scale_ratio, missing, seed)
        self.conflict, self.imbalance, self.blocks = float(conflict), float(imbalance), blocks
        self.kinds = tuple(KINDS[kinds][i % len(KINDS[kinds])] for i in range(num_tasks))
        self.tasks = tuple(task(f"task{i}", kind) for i, kind in enumerate(self.kinds))
        self.input_shape = {SINGLE: (features,)}

    @property
    def fingerprint(self) -> str:
        """Hash of the arguments, of which the data is a function."""
        made = (self.arguments, self.conflict, self.imbalance, self.kinds, self.blocks)
        return hashlib.sha256(repr(made).encode()).hexdigest()[:16]

    def load(self) -> dict[str, Split]:
        """Draw the rows."""
        tasks, rows, features, relatedness, noise, scale_ratio, missing, seed = self.arguments
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(rows, features, generator=generator)
        u = x @ directions(tasks, features, relatedness, generator, self.blocks)  # [N, K]
        opposed = x[:, -1] < torch.quantile(x[:, -1], self.conflict)
        u[opposed, 1::2] *= -1
        a, b = torch.rand(2, 4, generator=generator) * 2
        y = u + torch.sin(a * u.unsqueeze(-1) + b).sum(-1)
        y = (y - y.mean(0)) / y.std(0)
        y = y + noise * torch.randn(y.shape, generator=generator)
        y = y * torch.logspace(0, 1, tasks, base=scale_ratio) if tasks > 1 else y
        hidden = torch.rand(y.shape, generator=generator) < missing
        ends = {
            "train": (0, int(0.6 * rows)),
            "val": (int(0.6 * rows), int(0.8 * rows)),
            "test": (int(0.8 * rows), rows),
        }
        labels = {f"task{i}": self.label(y[:, i], kind) for i, kind in enumerate(self.kinds)}
        splits = {}
        for name, (start, end) in ends.items():
            targets = {
                key: values[start:end] if name == "test" else without(values, hidden[:, i])[start:end]
                for i, (key, values) in enumerate(labels.items())
            }
            splits[name] = Split({SINGLE: x[start:end]}, targets)
        return splits

    def label(self, values: Tensor, kind: str) -> Tensor:
        """The targets ``[N]`` of a task of this kind; ``values [N]`` are those of a regression."""
        if kind == "regression":
            return values
        classes = CLASSES[kind]
        sizes = torch.logspace(0, -1, classes, base=self.imbalance)  # the lowest values are the commonest class
        cuts = torch.quantile(values, (sizes.cumsum(0) / sizes.sum())[:-1])
        found = torch.bucketize(values.contiguous(), cuts)
        return found.float() if kind == "binary" else found


KINDS = {
    "regression": ("regression",),
    "binary": ("binary",),
    "classes": ("classes",),
    "mixed": ("regression", "binary", "classes"),
}
CLASSES = {"binary": 2, "classes": 4}


def task(name: str, kind: str) -> Task:
    """A task of this kind."""
    if kind == "binary":
        return binary(name)
    return classification(name, CLASSES[kind]) if kind == "classes" else regression(name)


def without(labels: Tensor, hidden: Tensor) -> Tensor:
    """The labels with those taken away that are hidden."""
    return labels.masked_fill(hidden, torch.nan if labels.is_floating_point() else NO_LABEL)


def directions(tasks: int, features: int, cosine: float, generator: torch.Generator, blocks: int = 1) -> Tensor:
    """Unit vectors ``[F, K]`` with the given cosine between every two of a block, and 0 between blocks."""
    basis, _ = torch.linalg.qr(torch.randn(features, tasks, generator=generator))  # [F, K], orthonormal
    block = torch.arange(tasks) % blocks
    same = (block.unsqueeze(0) == block.unsqueeze(1)).float()
    size = same.sum(1)
    # W = Q A with A symmetric and, in a block of n tasks, A'A = (1 - c) I + c 11'
    one, rest = torch.tensor([sqrt(max(0.0, 1 + (n - 1) * cosine)) for n in size.tolist()]), sqrt(max(0.0, 1 - cosine))
    ones = same / size
    mix = rest * (torch.eye(tasks) - ones) + one * ones
    return torch.mm(basis, mix)
