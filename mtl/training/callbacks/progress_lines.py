"""Lines about a training, where there is no terminal: a log file, a batch system, a continuous integration."""

import time
from typing import TextIO

from pytorch_lightning import Trainer
from typing_extensions import override

from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.checkpoints import Checkpoints
from mtl.training.callbacks.progress import Progress

INTERVAL = 30.0  # seconds at least between two lines


class ProgressLines(Progress):
    """Writes a line with the first validation, then every half a minute and at the end, without control characters.

    Such as ``epoch 12/300 step 240 loss age 0.31 income 0.52  val/score 0.41 (best 0.39) at most 120 s left``. The
    seconds are those of the batches that are left at the mean of the batches so far; patience may end it before.

    Args:
        checkpoints: knows the selecting quantity and its best value.
        stream: where to.
        interval: seconds at least between two lines.
    """

    def __init__(self, checkpoints: Checkpoints, stream: TextIO, interval: float = INTERVAL) -> None:
        super().__init__(checkpoints, interval)
        self.stream = stream
        self._began, self._done_before = 0.0, 0

    @override
    def begin(self, trainer: Trainer) -> None:
        self._began, self._done_before = time.perf_counter(), self.done

    @override
    def say(self, trainer: Trainer, module: MultiTaskModule) -> None:
        each = (time.perf_counter() - self._began) / max(self.done - self._done_before, 1)
        left = max(self.batches(trainer) - self.done, 0) * each
        parts = (
            self.epoch(trainer),
            f"step {trainer.global_step}",
            self.numbers(module),
            f"at most {left:,.0f} s left" if left else "",
        )
        self.stream.write(" ".join(part for part in parts if part) + "\n")
        self.stream.flush()
