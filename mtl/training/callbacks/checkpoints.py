"""The checkpoints of the last epoch and of the best one."""

from contextlib import nullcontext
from math import inf
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Checkpoint
from typing_extensions import override

from mtl.errors import InputError, unknown
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.runs.checksums import checked_path


class Checkpoints(EpochCallback, Checkpoint):
    """Keeps the checkpoint of the last validated epoch, and that of the best one.

    Args:
        best: file of the best.
        last: file of the last.
        metric: the validation quantity that selects; one that is not measured is an InputError with those that are, and
            so is, at the end, one that was finite in no validation, by which the first epoch would be the best.
        mode: "min" or "max", which of its values is best.

    Attributes:
        value: the best value so far; None before the first epoch.
        epoch: the epoch it is of.
    """

    def __init__(self, best: Path, last: Path, metric: str, mode: str) -> None:
        self.best, self.last, self.metric, self.mode = best, last, metric, mode
        self.value: float | None = None
        self.epoch = 0
        self._validated = False

    @override
    def on_validation_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._validated = not trainer.sanity_checking

    @override
    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        # Lightning calls this after all other callbacks, and every process takes part
        if not self._validated:
            return
        self._validated = False
        measured = trainer.callback_metrics
        if self.metric not in measured:
            raise unknown("validation metric to select by", self.metric, sorted(measured))
        value = float(measured[self.metric])
        better = self.value is None or self._rank(value) < self._rank(self.value)
        if better:
            self.value, self.epoch = value, trainer.current_epoch
        # The best one first: whoever goes on from the last relies on the best one that it knows of. Then a copy, which
        # costs less than to save again
        paths = (self.best, self.last) if better else (self.last,)
        # Lightning writes elsewhere and moves, which between two disks is a copy that may end half-way
        with checked_path(*paths) if trainer.is_global_zero else nullcontext(paths[0]) as place:
            trainer.save_checkpoint(place, weights_only=False)

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if self.value is not None and self._rank(self.value) == inf:
            raise InputError(f"{self.metric} was infinite in all validations: nothing to select a checkpoint by")

    def best_with(self, value: float) -> float:
        """The best value so far and this one: Lightning lets checkpoints look at an epoch after all other callbacks."""
        return value if self.value is None or self._rank(value) < self._rank(self.value) else self.value

    def _rank(self, value: float) -> float:
        """A number that is less for a better value."""
        if value != value:  # not a number: worse than any
            return inf
        return value if self.mode == "min" else -value

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "epoch": self.epoch}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.value, self.epoch = state_dict["value"], state_dict["epoch"]
