"""The progress bar on a terminal."""

from pytorch_lightning import Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from typing_extensions import override

from mtl.module.module import MultiTaskModule
from mtl.training.callbacks.checkpoints import Checkpoints
from mtl.training.callbacks.progress import Progress

REFRESH = 0.5  # seconds at least between two drawings, each of which costs as much as a small training step


class ProgressBar(Progress):
    """A progress bar over the whole training, with the tasks' losses and the quantity that selects the checkpoint.

    Args:
        checkpoints: knows the selecting quantity and its best value.
        console: where to draw.
    """

    def __init__(self, checkpoints: Checkpoints, console: Console) -> None:
        super().__init__(checkpoints, REFRESH)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = RichProgress(*columns, TextColumn("{task.fields[said]}"), console=console, auto_refresh=False)

    @override
    def begin(self, trainer: Trainer) -> None:
        self._bar.add_task("epoch", total=self.batches(trainer), completed=self.done, said="")
        self._bar.start()

    @override
    def say(self, trainer: Trainer, module: MultiTaskModule) -> None:
        self._bar.update(
            self._bar.task_ids[0],
            total=self.batches(trainer),
            description=self.epoch(trainer),
            completed=self.done,
            said=self.numbers(module),
        )
        self._bar.refresh()

    @override
    def end(self) -> None:
        self._bar.stop()  # the terminal is as it was
