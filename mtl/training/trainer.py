"""Lightning's trainer as every run uses it."""

import sys

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, SimpleProfiler

from mtl.assembly import Assembly
from mtl.config.console import Terminal
from mtl.config.run_config import RunConfig
from mtl.module.lightning import TRAINER, NoProfiler, OwnSignalHandler, without_slurm
from mtl.runs.directory import Run
from mtl.training.budget import Budget
from mtl.training.callbacks import Checkpoints, Dashboard, ProgressBar, ProgressLines, StepCost, TimeLimit
from mtl.training.loggers import make_loggers
from mtl.training.loggers.dashboard import DashboardLogger


def make_trainer(run: Run, assembly: Assembly, budget: Budget, callbacks: tuple[Callback, ...]) -> Trainer:
    """The trainer of a run, with its loggers and callbacks.

    Args:
        run: where to write.
        assembly: what is trained.
        budget: the most that it is trained.
        callbacks: to add to those of every run.

    Returns:
        Lightning's trainer.
    """
    config = assembly.config
    checkpoints = Checkpoints(run.best, run.last, *assembly.data.selection)
    return Trainer(
        **{**config.hardware.arguments(), **without_slurm(config.hardware.arguments())},
        **TRAINER,
        max_epochs=budget.epochs,
        check_val_every_n_epoch=budget.every,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip,
        logger=make_loggers(run.path, config),
        callbacks=[
            Dashboard(config.log_every, assembly.data.selection[0]),
            StepCost(),
            OwnSignalHandler(),
            TimeLimit(config.hardware.seconds),
            checkpoints,
            *([progress_of(checkpoints)] if config.progress else []),
            *callbacks,
        ],
        profiler=profiler_of(config.profiler, run),
    )


def stack_trainer(config: RunConfig, epochs: int) -> Trainer:
    """The trainer of several runs at once, whose loggers and callbacks are their own.

    Args:
        config: of any of them.
        epochs: the most that one of them is trained.

    Returns:
        Lightning's trainer.
    """
    return Trainer(
        **{**config.hardware.arguments(), **without_slurm(config.hardware.arguments())},
        **TRAINER,
        max_epochs=epochs,
        gradient_clip_val=config.gradient_clip,
        logger=False,
        enable_checkpointing=False,
        callbacks=[OwnSignalHandler()],
        profiler=NoProfiler(),
    )


def profiler_of(name: str | None, run: Run) -> Profiler:
    """Lightning's profiler of this name, which writes to the run's directory; None: one that costs nothing."""
    kinds = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    return NoProfiler() if name is None else kinds[name](dirpath=run.path, filename="profile")


def dashboard_loggers(run: Run, config: RunConfig) -> list[Logger]:
    """The loggers of what is measured before a run's own training: its dashboard, if it has one."""
    return [DashboardLogger(run.path)] if "tensorboard" in config.logger else []


def progress_of(checkpoints: Checkpoints) -> Callback:
    """A progress bar where standard output is a terminal that can be drawn on, else lines to standard error."""
    console = Terminal()
    # Variables such as FORCE_COLOR, which many continuous integrations set, make rich take a file for a terminal
    drawable = console.is_interactive and not console.is_dumb_terminal and console.file.isatty()
    return ProgressBar(checkpoints, console) if drawable else ProgressLines(checkpoints, sys.stderr)
