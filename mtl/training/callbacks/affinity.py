"""Which tasks help each other, measured while they are trained."""

from itertools import permutations

import torch
from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.affinity import Look, TaskGradients, measure_affinity, measure_features, task_gradients
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch

WINDOW = 5  # measurements of which the gradients are added up to see the features


class AffinityRecorder(EpochCallback):
    """Measures every few steps which tasks help each other (:mod:`mtl.module.affinity`).

    Args:
        every: optimizer steps between two measurements.
        seed: of what the measurements draw, which is nothing that training draws.

    Attributes:
        looks: cosines and lookahead affinities at each measurement.
        features: similarities of features in every 5 measurements; those left over at the end count if there are not 5.
    """

    def __init__(self, every: int = 10, seed: int = 0) -> None:
        self.every = every
        self._seen = -1
        self._generator = torch.Generator().manual_seed(seed)
        self._window: list[TaskGradients] = []
        self.looks: list[Look] = []
        self.features: list[Look] = []

    @override
    def on_train_batch_start(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every or trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        gradients = task_gradients(module, batch, self._generator)
        self._window.append(gradients)
        self.looks.append(measure_affinity(module, batch, lr, gradients))
        self._log(self.looks[-1], trainer, module)
        if len(self._window) == WINDOW:
            self._measure_features(trainer, module)

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not self.features:
            self._measure_features(trainer, module)

    def _measure_features(self, trainer: Trainer, module: MultiTaskModule) -> None:
        self.features.append(measure_features(self._window, module.partition.shared))
        self._window = []
        self._log(self.features[-1], trainer, module)

    @staticmethod
    def _log(look: Look, trainer: Trainer, module: MultiTaskModule) -> None:
        names = module.graph.names
        values = {
            f"affinity/{measure}/{names[i]}-{names[j]}": float(matrix[i, j])
            for measure, matrix in look.affinity.items()
            for i, j in permutations(range(len(names)), 2)
            if matrix[i, j].isfinite() and (i < j or measure == "lookahead")  # the others are symmetric
        }
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)
