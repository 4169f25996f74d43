"""Lightning's trainer as every run uses it."""

import sys

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger
from rich.console import Console

from mtl.assembly import Assembly
from mtl.config.run_config import RunConfig
from mtl.module.lightning import TRAINER, NoProfiler, OwnSignalHandler, without_slurm
from mtl.runs.directory import Run
from mtl.training.budget import Budget
from mtl.training.callbacks import Checkpoints, Dashboard, ProgressBar, ProgressLines, StepCost, TimeLimit
from mtl.training.dashboard_logger import DashboardLogger


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
        logger=run_loggers(run),
        callbacks=[
            Dashboard(config.log_every, assembly.data.selection[0]),
            StepCost(),
            OwnSignalHandler(),
            TimeLimit(config.hardware.seconds),
            checkpoints,
            *([progress_of(checkpoints)] if config.progress else []),
            *callbacks,
        ],
        profiler=NoProfiler(),
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


def run_loggers(run: Run) -> list[Logger]:
    """The loggers of a run: of the dashboard, and of a table."""
    number = len(list(run.path.glob("csv*"))) + 1  # a resumed run adds a file, since the logger would overwrite
    return [*dashboard_loggers(run), CSVLogger(run.path, name="", version="csv" if number == 1 else f"csv-{number}")]


def dashboard_loggers(run: Run) -> list[Logger]:
    """The loggers that write the dashboard of a run."""
    return [DashboardLogger(run.path)]


def progress_of(checkpoints: Checkpoints) -> Callback:
    """A progress bar where standard output is a terminal that can be drawn on, else lines to standard error."""
    console = Console()
    # Variables such as FORCE_COLOR, which many continuous integrations set, make rich take a file for a terminal
    drawable = console.is_interactive and not console.is_dumb_terminal and console.file.isatty()
    return ProgressBar(checkpoints, console) if drawable else ProgressLines(checkpoints, sys.stderr)
