"""The progress bar on a terminal."""

import time
from typing import Any

from pytorch_lightning import Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.checkpoints import Checkpoints
from mtl.training.callbacks.epoch_callback import Brief

REFRESH = 0.5  # seconds between two looks of the progress bar: drawing it costs as much as a small training step


class Bar(Brief):
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

    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Draw the empty bar."""
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

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw again when the last look is old enough."""
        self._done += 1
        if self._bar is not None and time.perf_counter() - self._drawn > REFRESH:
            self._draw(trainer, module)

    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Say what the epoch came to."""
        if self._bar is None:
            return
        metric, best = self.checkpoints.metric, self.checkpoints.value
        now = trainer.callback_metrics.get(metric)
        self._selecting = f"{metric} {float(now):.4g}" if now is not None else ""
        self._selecting += f" (best {best:.4g})" if best is not None else ""
        self._draw(trainer, module)

    def _draw(self, trainer: Trainer, module: MultiTaskModule) -> None:
        assert self._bar is not None
        losses = " ".join(f"{name} {value:.3g}" for name, value in module.tally.shown.items())
        self._bar.update(
            self._bar.task_ids[0],
            description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            completed=self._done,
            said=f"loss {losses}  {self._selecting}" if losses else "",
        )
        self._bar.refresh()
        self._drawn = time.perf_counter()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Leave the terminal as it was."""
        self._stop()

    def on_exception(self, trainer: Trainer, module: MultiTaskModule, exception: BaseException) -> None:  # type: ignore[override]
        """Leave the terminal as it was."""
        self._stop()
