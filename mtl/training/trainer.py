"""Lightning's trainer as every run uses it."""

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from mtl.assembly import Assembly
from mtl.module.lightning import FLUSH_SECONDS, TRAINER, NoProfiler, OwnSignalHandler, without_slurm
from mtl.runs.directory import Run
from mtl.training.budget import Budget
from mtl.training.callbacks import Checkpoints, Dashboard, ProgressBar, StepCost, TimeLimit


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
    number = len(list(run.path.glob("csv*"))) + 1  # a resumed run adds a file, since the logger would overwrite
    return Trainer(
        **{**config.hardware.arguments(), **without_slurm(config.hardware.arguments())},
        **TRAINER,
        max_epochs=budget.epochs,
        check_val_every_n_epoch=budget.every,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip,
        logger=[
            *dashboard_loggers(run),
            CSVLogger(run.path, name="", version="csv" if number == 1 else f"csv-{number}"),
        ],
        callbacks=[
            Dashboard(config.log_every, assembly.data.selection[0]),
            StepCost(),
            OwnSignalHandler(),
            TimeLimit(config.hardware.seconds),
            checkpoints,
            *([ProgressBar(checkpoints)] if config.progress else []),
            *callbacks,
        ],
        profiler=NoProfiler(),
    )


def dashboard_loggers(run: Run) -> list[Logger]:
    """The loggers that write the dashboard of a run."""
    return [TensorBoardLogger(run.path, name="", version="tensorboard", flush_secs=FLUSH_SECONDS)]
