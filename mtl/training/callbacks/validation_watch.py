"""Tells somebody outside the training how validation goes, and ends the training if they ask for it."""

from collections.abc import Callable

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule

SCORE = "val/score"  # what results are compared by, too


class Pruned(Exception):
    """A training was ended before its time, since others of the same search are better."""


class ValidationWatch(EpochCallback):
    """Reports each validation score, and ends the training where the answer is true.

    It ends before the next epoch, so that the last checkpoint is of the epoch that was reported, and a training whose
    last epoch that was is complete.

    Args:
        on_validation: called with the number of epochs so far and the score; whether to end the training.
    """

    def __init__(self, on_validation: Callable[[int, float], bool]) -> None:
        self.on_validation = on_validation
        self._ends = False

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not trainer.sanity_checking and SCORE in trainer.callback_metrics:
            self._ends = self.on_validation(trainer.current_epoch + 1, float(trainer.callback_metrics[SCORE]))

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self._ends:
            raise Pruned
