"""Which tasks help each other, measured while they are trained."""

from itertools import permutations

from pytorch_lightning import Trainer
from torch import Tensor
from typing_extensions import override

from mtl.module.affinity import measure_affinity
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch


class AffinityRecorder(EpochCallback):
    """Measures every few steps which tasks help each other (:mod:`mtl.module.affinity`).

    Args:
        every: optimizer steps between two measurements.

    Attributes:
        cosines: of the gradients at each measurement, ``[K, K]``.
        lookaheads: affinities at each measurement, ``[K, K]``.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self._seen = -1
        self.cosines: list[Tensor] = []
        self.lookaheads: list[Tensor] = []

    @override
    def on_train_batch_start(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every or trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        cosine, lookahead = measure_affinity(module, batch, lr)
        self.cosines.append(cosine)
        self.lookaheads.append(lookahead)
        names = module.graph.names
        values = {
            f"affinity/{measure}/{names[i]}-{names[j]}": float(matrix[i, j])
            for measure, matrix in (("cosine", cosine), ("lookahead", lookahead))
            for i, j in permutations(range(len(names)), 2)
            if matrix[i, j].isfinite() and (i < j or measure != "cosine")
        }
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)
