"""A limit of the time that a run is trained in one go: it ends with a checkpoint, to be gone on with."""

import time
from typing import Any

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.config.signals import TimeLimitReached
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule


class TimeLimit(EpochCallback):
    """Ends the training before an epoch that would probably not be done in time, or at once when the time is over.

    Lightning's own would end it as if it were complete, so the result would depend on how fast the machine is. Here it
    ends as if somebody had interrupted it: a run that goes on has the same time again, and comes to the same numbers
    as one without a limit.

    Args:
        seconds: of this process's training; None: no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._started = self._epoch_started = time.monotonic()
        self._longest = 0.0
        if seconds is not None:  # without a hook, Lightning passes over it at every step
            self.on_train_batch_end = self._check_now

    @override
    def on_fit_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._started = time.monotonic()

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self._longest:
            self._check(trainer, self._longest)
        self._epoch_started = time.monotonic()

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._longest = max(self._longest, time.monotonic() - self._epoch_started)

    def _check_now(self, trainer: Trainer, *_: Any) -> None:
        self._check(trainer, 0.0)

    def _check(self, trainer: Trainer, needed: float) -> None:
        """Raise TimeLimitReached if fewer seconds are left than are needed."""
        if self.seconds is None:
            return
        over = time.monotonic() - self._started + needed > self.seconds
        if trainer.strategy.broadcast(over):  # the processes of a training end together
            raise TimeLimitReached
