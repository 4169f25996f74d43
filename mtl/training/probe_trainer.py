"""A training that leaves nothing behind: to time steps, or to see what tasks do to each other."""

from collections.abc import Sequence

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from mtl.config.run_config import RunConfig
from mtl.module.lightning import TRAINER, OwnSignalHandler, without_slurm


def probe_trainer(
    config: RunConfig,
    callbacks: Sequence[Callback],
    *,
    epochs: int | None = None,
    steps: int = -1,
    loggers: Sequence[Logger] = (),
) -> Trainer:
    """A trainer that takes the steps of a run of this config, in one process, without validation and checkpoints.

    Args:
        config: of the run.
        callbacks: what is to be seen of the training.
        epochs: how many; None: as many as the steps need.
        steps: how many optimizer steps; -1: as many as the epochs have.
        loggers: where callbacks may write.

    Returns:
        Lightning's trainer.
    """
    return Trainer(
        **TRAINER,
        **without_slurm({}),
        accelerator=config.hardware.accelerator,
        precision=config.hardware.precision,  # type: ignore[arg-type]
        devices=1,
        max_epochs=epochs,
        max_steps=steps,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip,
        limit_val_batches=0,
        logger=list(loggers),
        enable_checkpointing=False,
        callbacks=[OwnSignalHandler(), *callbacks],
    )
