"""Seconds of training, also over interruptions."""

import time
from typing import Any

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule


class Timer(EpochCallback):
    """Counts the seconds that training takes, without validation and checkpoints and with them.

    A resumed run counts on.

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

    @property
    @override
    def state_key(self) -> str:
        return "TrainingTimer"  # Lightning's own callback for hardware.max_time is a Timer, too

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "batches": self.batches, "fit": self.fit()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seconds, self.batches, self._before = state_dict["seconds"], state_dict["batches"], state_dict["fit"]
        self._fit_started = time.perf_counter()

    @override
    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._fit_started = time.perf_counter()

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._started = time.perf_counter()

    @override
    def on_validation_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        # Validation follows the last batch of an epoch
        self.seconds += time.perf_counter() - self._started
        self.batches += int(trainer.num_training_batches)
