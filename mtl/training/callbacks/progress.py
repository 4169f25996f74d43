"""How far a training is: what the progress bar of a terminal and the lines of a log file have in common."""

import time
from abc import ABC, abstractmethod
from typing import Any

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.checkpoints import Checkpoints


class Progress(EpochCallback, ABC):
    """Counts the batches of a training, and says something of it at times; the first process alone.

    Args:
        checkpoints: knows the selecting quantity and its best value.
        interval: seconds at least between two times.

    Attributes:
        done: batches so far, also those before an interruption.
    """

    def __init__(self, checkpoints: Checkpoints, interval: float) -> None:
        self.checkpoints, self.interval = checkpoints, interval
        self.done = 0
        self._speaks = False
        self._said, self._done_said = 0.0, -1
        self._selecting = ""

    def begin(self, trainer: Trainer) -> None:
        """Called once, before the first batch."""

    @abstractmethod
    def say(self, trainer: Trainer, module: MultiTaskModule) -> None:
        """Show where the training is."""

    def end(self) -> None:
        """Called once, after the training or what ended it."""

    @staticmethod
    def batches(trainer: Trainer) -> int:
        """Batches of the whole training as it is planned now, which patience changes."""
        return int(trainer.num_training_batches) * (trainer.max_epochs or 0)

    def epoch(self, trainer: Trainer) -> str:
        """The epoch under way or just over, counted from 1, and how many there are at most."""
        return f"epoch {max(1, -(-self.done // int(trainer.num_training_batches)))}/{trainer.max_epochs}"

    def numbers(self, module: MultiTaskModule) -> str:
        """The losses of the last steps, and the selecting quantity; empty before there are any."""
        losses = " ".join(f"{name} {value:.3g}" for name, value in module.loss_meter.last_means.items())
        return f"loss {losses}  {self._selecting}" if losses else self._selecting

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._speaks = trainer.is_global_zero
        self.done = trainer.current_epoch * int(trainer.num_training_batches)
        self._said = time.perf_counter()
        if self._speaks:
            self.begin(trainer)

    @override
    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.done += 1
        if self._speaks and time.perf_counter() - self._said > self.interval:
            self._say(trainer, module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        metric, measured = self.checkpoints.metric, trainer.callback_metrics
        if not self._speaks or metric not in measured:
            return
        first = not self._selecting
        value = float(measured[metric])
        self._selecting = f"{metric} {value:.4g} (best {self.checkpoints.best_with(value):.4g})"
        if first or time.perf_counter() - self._said > self.interval:
            self._say(trainer, module)

    def _say(self, trainer: Trainer, module: MultiTaskModule) -> None:
        self.say(trainer, module)
        self._said, self._done_said = time.perf_counter(), self.done

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self._speaks and self._done_said != self.done:
            self._say(trainer, module)
        if self._speaks:
            self.end()

    @override
    def on_exception(self, trainer: Trainer, module: MultiTaskModule, exception: BaseException) -> None:  # type: ignore[override]
        if self._speaks:
            self.end()
