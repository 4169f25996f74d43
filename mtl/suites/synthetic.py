"""Planted truth: tasks whose relatedness is known because it was chosen."""

import hashlib
from math import sqrt

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule, Split
from mtl.tasks import regression


class SyntheticSuite(MultiTaskDataModule):
    """Regression tasks that look at directions of chosen cosine.

    After the synthetic data of Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts", KDD 2018, https://doi.org/10.1145/3219819.3220007 (section 3.2), for any number of tasks.

    ``x ~ N(0, I_F)``; ``y_i = scale_i (u_i + sum_m sin(a_m u_i + b_m)) + noise`` with ``u_i = w_i'x`` and cosine
    ``relatedness`` between ``w_i`` and ``w_j`` for all pairs (with two tasks down to -1, with K down to ``-1/(K-1)``).
    Targets are standardised, then ``scale_i`` runs geometrically from 1 to ``scale_ratio``.

    Args:
        num_tasks: K.
        rows: rows of train, val and test together, divided 60/20/20.
        features: F, at least K + 1.
        relatedness: cosine between the tasks' directions.
        noise: standard deviation of the noise relative to the signal's.
        scale_ratio: largest over smallest scale of the targets, which makes losses of unlike size.
        missing: share of labels taken away, in train and val.
        seed: of the data (not of the training).
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
    ) -> None:
        super().__init__()
        least = -1.0 / (num_tasks - 1) if num_tasks > 1 else -1.0
        if num_tasks < 1 or features <= num_tasks or rows < 10:
            raise InputError(
                f"task.num_tasks={num_tasks}, features={features}, rows={rows}: expected 1 task or more, "
                "more features than tasks, 10 rows or more"
            )
        if not least <= relatedness <= 1:
            raise InputError(f"task.relatedness={relatedness}: with {num_tasks} tasks it can be {least:.3g} to 1")
        if not 0 <= missing < 1 or noise < 0 or scale_ratio <= 0:
            raise InputError(
                f"task.missing={missing}, noise={noise}, scale_ratio={scale_ratio}: expected [0, 1), >= 0, > 0"
            )
        self.arguments = (num_tasks, rows, features, relatedness, noise, scale_ratio, missing, seed)
        self.tasks = tuple(regression(f"task{i}") for i in range(num_tasks))
        self.input_shape = (features,)

    @property
    def fingerprint(self) -> str:
        """Hash of the arguments, of which the data is a function."""
        return hashlib.sha256(repr(self.arguments).encode()).hexdigest()[:16]

    def load(self) -> dict[str, Split]:
        """Draw the rows."""
        tasks, rows, features, relatedness, noise, scale_ratio, missing, seed = self.arguments
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(rows, features, generator=generator)
        u = x @ directions(tasks, features, relatedness, generator)  # [N, K]
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
        splits = {}
        for name, (start, end) in ends.items():
            targets = y if name == "test" else y.masked_fill(hidden, torch.nan)
            splits[name] = Split(x[start:end], {t.name: targets[start:end, i] for i, t in enumerate(self.tasks)})
        return splits


def directions(tasks: int, features: int, cosine: float, generator: torch.Generator) -> Tensor:
    """Unit vectors ``[F, K]`` with the given cosine between every two of them."""
    basis, _ = torch.linalg.qr(torch.randn(features, tasks, generator=generator))  # [F, K], orthonormal
    if tasks == 1:
        return torch.clone(basis)
    # W = Q A with A symmetric, A'A = (1 - c) I + c 11'
    one, rest = sqrt(max(0.0, 1 + (tasks - 1) * cosine)), sqrt(max(0.0, 1 - cosine))
    ones = torch.ones(tasks, tasks) / tasks
    mix = rest * (torch.eye(tasks) - ones) + one * ones
    return torch.mm(basis, mix)
