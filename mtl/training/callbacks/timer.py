"""Seconds of training, also over interruptions."""

import time
from typing import Any

from pytorch_lightning import Trainer

from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.epoch_callback import Brief


class Timer(Brief):
    """Seconds that training takes, without validation and checkpoints and with them; a resumed run counts on.

    Attributes:
        seconds: sum over the epochs, without validation and checkpoints.
        batches: how many batches that were.
    """

    def __init__(self) -> None:
        self.seconds, self.batches = 0.0, 0
        self._started = 0.0
        self._before = 0.0  # seconds of the fits that this one goes on from
        self._fit_started = time.perf_counter()

    def fit(self) -> float:
        """Seconds of training so far, with everything."""
        return self._before + time.perf_counter() - self._fit_started

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"seconds": self.seconds, "batches": self.batches, "fit": self.fit()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Back from a checkpoint."""
        self.seconds, self.batches, self._before = state_dict["seconds"], state_dict["batches"], state_dict["fit"]

    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Start the clock of the whole."""
        self._fit_started = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Start the clock."""
        self._started = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Stop it: validation follows the last batch of an epoch."""
        self.seconds += time.perf_counter() - self._started
        self.batches += int(trainer.num_training_batches)
