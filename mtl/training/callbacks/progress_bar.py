"""The progress bar on a terminal."""

import time
from typing import Any

from pytorch_lightning import Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.checkpoints import Checkpoints

REFRESH = 0.5  # seconds at least between two drawings, each of which costs as much as a small training step


class ProgressBar(EpochCallback):
    """A progress bar over the whole training, with the tasks' losses and the quantity that selects the checkpoint.

    Shown on a terminal only, by the first process.

    Args:
        checkpoints: knows the selecting quantity and its best value.
        console: where to draw.
    """

    def __init__(self, checkpoints: Checkpoints, console: Console | None = None) -> None:
        self.checkpoints = checkpoints
        self.console = console or Console()
        self._bar: Progress | None = None
        self._drawn = 0.0
        self._done = 0
        self._selecting = ""

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 0
        self._done = trainer.current_epoch * batches
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, TextColumn("{task.fields[said]}"), console=self.console, auto_refresh=False)
        self._bar.add_task("epoch", total=batches * epochs, completed=self._done, said="")
        self._bar.start()

    @override
    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._done += 1
        if self._bar is not None and time.perf_counter() - self._drawn > REFRESH:
            self._draw(trainer, module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self._bar is None:
            return
        metric, best = self.checkpoints.metric, self.checkpoints.value
        now = trainer.callback_metrics.get(metric)
        self._selecting = f"{metric} {float(now):.4g}" if now is not None else ""
        self._selecting += f" (best {best:.4g})" if best is not None else ""
        self._draw(trainer, module)

    def _draw(self, trainer: Trainer, module: MultiTaskModule) -> None:
        assert self._bar is not None
        losses = " ".join(f"{name} {value:.3g}" for name, value in module.loss_meter.last_means.items())
        self._bar.update(
            self._bar.task_ids[0],
            total=int(trainer.num_training_batches) * (trainer.max_epochs or 0),  # which patience changes
            description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            completed=self._done,
            said=f"loss {losses}  {self._selecting}" if losses else "",
        )
        self._bar.refresh()
        self._drawn = time.perf_counter()

    def _stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._stop()

    @override
    def on_exception(self, trainer: Trainer, module: MultiTaskModule, exception: BaseException) -> None:  # type: ignore[override]
        self._stop()
