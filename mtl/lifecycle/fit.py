"""The training of one run: from initial values to the weights of the best epoch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger

from mtl.assembly import Assembly, take_weights
from mtl.config.run_result import Selection
from mtl.errors import InputError
from mtl.inspection.show_affinity import show_affinity
from mtl.inspection.show_sharing import show_sharing
from mtl.module.lightning import EpochCallback, trained_elsewhere
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.directory import Run
from mtl.training.budget import Budget, budget_of
from mtl.training.callbacks import BestEpochPerTask, LowWeights, MovingAverage, Patience, PlateauWatch, Timer
from mtl.training.loggers import log_hyperparameters
from mtl.training.trainer import make_trainer


@dataclass(frozen=True)
class Fitted:
    """How training went.

    Attributes:
        loggers: that wrote its course.
        steps: optimizer steps, or iterations of boosting.
        epochs: times that the training rows were looked at.
        selection: how the epoch was chosen.
        seconds: of training, with validation, logs and checkpoints.
        step_seconds: of one step, without them.
        notes: what was said of the training.
        threads: with which it was trained; None: with those of the process.
    """

    loggers: list[Logger]
    steps: int
    epochs: int
    selection: Selection
    seconds: float
    step_seconds: float
    notes: tuple[str, ...]
    threads: int | None = None


class Progress(Protocol):
    """What is read of the trainer when training is over."""

    @property
    def loggers(self) -> list[Logger]:
        """That wrote its course."""

    @property
    def global_step(self) -> int:
        """Optimizer steps."""

    @property
    def current_epoch(self) -> int:
        """Epochs."""


@dataclass(frozen=True)
class Observers:
    """Callbacks that know at the end how training went.

    Attributes:
        budget: the most that is trained.
        timer: its seconds.
        best_epochs: of each task, where nothing is shared.
        patience: how it ended.
        low_weights: what was said of weights.
    """

    budget: Budget
    timer: Timer
    best_epochs: BestEpochPerTask
    patience: Patience
    low_weights: LowWeights

    @classmethod
    def of(cls, assembly: Assembly, timer: Timer) -> "Observers":
        """Those of a run whose rows are loaded."""
        data, config = assembly.data, assembly.config
        budget = budget_of(config, data.loader("train", training=True, world=1).steps)
        return cls(
            budget,
            timer,
            BestEpochPerTask(data.selection, data.acting),
            Patience(
                config.patience,
                budget,
                data.selection,
                data.acting,
                again=config.second_cooldown,
                auxiliary=[task.name for task in data.tasks if task.auxiliary],
            ),
            LowWeights(),
        )

    @property
    def callbacks(self) -> tuple[EpochCallback, ...]:
        """In the order in which they are called."""
        return self.best_epochs, self.patience, self.timer, self.low_weights


def fit(run: Run, assembly: Assembly, callbacks: tuple[Callback, ...], *, resumed: bool) -> Fitted | None:
    """Train, and restore the best weights to the module; None for a process that is not the first."""
    data, module = assembly.data, assembly.module
    observers = Observers.of(assembly, Timer())
    best_epochs, patience, *others = observers.callbacks
    plateau = PlateauWatch(data.selection, data.acting)
    # The best epoch of a task keeps averaged weights, and patience goes back to those of the training
    averages = [one for one in callbacks if isinstance(one, MovingAverage)]
    own = [one for one in callbacks if one not in averages]
    ours = (best_epochs, *averages, patience, plateau, *others, *own)
    trainer = make_trainer(run, assembly, observers.budget, ours)
    log_hyperparameters(trainer.loggers, assembly.config)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=run.last if resumed else None, weights_only=True)
    except Exception as error:
        if assembly.config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            text = " ".join(str(error).split())
            raise InputError(f"compile=true does not work here, use compile=false: {text[:200]}") from None
        raise
    if not trainer.is_global_zero:
        return None
    if trained_elsewhere(trainer):
        take_course(run, trainer, observers)
    return fitted(run, assembly, trainer, observers)


def take_course(run: Run, trainer: Trainer, observers: Observers) -> None:
    """Let the trainer and its observers know how training went, where only other processes have seen it.

    Args:
        run: its directory, which has the checkpoint of the last epoch.
        trainer: that started these processes.
        observers: among its callbacks.
    """
    last = read_checkpoint(run.last)
    trainer.fit_loop.load_state_dict(last["loops"]["fit_loop"])
    trainer.fit_loop.epoch_progress.increment_completed()  # which its epoch was when the checkpoint had been written
    for callback in observers.callbacks:
        callback.load_state_dict(last["callbacks"][callback.state_key])
    # One that is asked for its file here would begin it anew
    trainer.loggers = [one for one in trainer.loggers if not isinstance(one, CSVLogger)]


def fitted(run: Run, assembly: Assembly, trainer: Progress, observers: Observers) -> Fitted:
    """Restore the best weights to the module when training is over, and say how it went.

    Args:
        run: its directory.
        assembly: what was trained.
        trainer: how far it came.
        observers: what they have seen.

    Returns:
        How it went.
    """
    data, module, timer = assembly.data, assembly.module, observers.timer
    best_epochs, patience, budget = observers.best_epochs, observers.patience, observers.budget
    seconds, step_seconds = timer.fit(), timer.seconds / max(timer.batches, 1)
    best = read_checkpoint(run.best)
    if best_epochs.values:
        best_epochs.rewrite(best)
        write_checkpoint(run.best, best)
    take_weights(module, best, run.best)
    draw(run, assembly, trainer)
    metric, mode = data.selection
    chosen = best_epochs.epochs or {"": best["epoch"]}
    selection = Selection(
        metric=metric,
        mode="min" if mode == "min" else "max",
        epoch=best["epoch"],
        by_task=best_epochs.epochs,
        still_improving=patience.still_improving(chosen),
        budget_key=budget.key,
    )
    return Fitted(
        trainer.loggers,
        trainer.global_step,
        trainer.current_epoch,
        selection,
        seconds,
        step_seconds,
        (*assembly.notes, *module.notes, *observers.low_weights.notes),
        torch.get_num_threads(),
    )


def draw(run: Run, assembly: Assembly, trainer: Progress) -> None:
    """Show on the dashboard what the trained network shares, and what was measured to group its tasks."""
    data, module = assembly.data, assembly.module
    batch = module.transfer_batch_to_device(next(iter(data.loader("val"))), module.device, 0)
    show_sharing(module, batch, trainer.loggers, trainer.global_step)
    found = run.affinity
    if found is not None:
        show_affinity(found, run.path, trainer.loggers)
