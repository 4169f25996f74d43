"""A training that leaves nothing behind: to time steps, or to see what tasks do to each other."""

from collections.abc import Sequence

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from mtl.config.run_config import RunConfig


def trial(
    config: RunConfig,
    callbacks: Sequence[Callback],
    *,
    epochs: int | None = None,
    steps: int = -1,
    loggers: Sequence[Logger] = (),
) -> Trainer:
    """A trainer that takes the steps which a run of this config would take, in one process, without validation and
    checkpoints.

    Args:
        config: of the run.
        callbacks: what is to be seen of the training.
        epochs, steps: how long; by default as long as is asked by the other one.
        loggers: where callbacks may write.
    """
    return Trainer(
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
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=list(callbacks),
    )
