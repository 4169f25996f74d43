"""Which tasks help each other, measured while they are trained."""

from itertools import permutations

import torch
from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.affinity import Look, measure_affinity
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch


class AffinityRecorder(EpochCallback):
    """Measures every few steps which tasks help each other (:mod:`mtl.module.affinity`).

    Args:
        every: optimizer steps between two measurements.
        seed: of what the measurements draw, which is nothing that training draws.

    Attributes:
        looks: the measurements.
    """

    def __init__(self, every: int = 10, seed: int = 0) -> None:
        self.every = every
        self._seen = -1
        self._generator = torch.Generator().manual_seed(seed)
        self.looks: list[Look] = []

    @override
    def on_train_batch_start(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every or trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        look = measure_affinity(module, batch, lr, self._generator)
        self.looks.append(look)
        names = module.graph.names
        values = {
            f"affinity/{measure}/{names[i]}-{names[j]}": float(matrix[i, j])
            for measure, matrix in look.affinity.items()
            for i, j in permutations(range(len(names)), 2)
            if matrix[i, j].isfinite() and (i < j or measure == "lookahead")  # the others are symmetric
        }
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)
