"""Lightning's trainer as every run uses it, and what this machine gives it."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]
from pytorch_lightning.utilities.warnings import PossibleUserWarning  # type: ignore[attr-defined]

from mtl.assembly import Assembly
from mtl.config.process import usable_cores
from mtl.errors import InputError
from mtl.runs.directory import Run
from mtl.training.callbacks import Bar, Checkpoints, Dashboard
from mtl.training.callbacks.step_cost import StepCost

# How often the dashboard is written at least. Where Ctrl-C comes just while its thread is being woken, the next wake-up
# is lost (as in https://github.com/python/cpython/issues/92530), and the run ends only when the thread looks by itself:
# by default after two minutes
FLUSH_SECONDS = 2


@contextmanager
def silent_lightning() -> Iterator[None]:
    """Within this, Lightning says only what needs an answer."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Advice that does not apply: workers and samplers for data that is in memory, reducing metrics that every
            # process computes on all rows
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message="`isinstance\\(treespec, LeafSpec\\)` is deprecated")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def processes_of(hardware: dict[str, Any]) -> int:
    """How many processes this hardware trains with. InputError if the machine does not have it."""
    try:
        return Trainer(**hardware, logger=False, enable_checkpointing=False, enable_progress_bar=False).world_size
    except (MisconfigurationException, RuntimeError, ValueError, TypeError) as error:
        options = ", ".join(f"{key}={value}" for key, value in hardware.items())
        text = " ".join(str(error).split())
        raise InputError(f"this machine cannot train with hardware {options}: {text[:200]}") from None


def threads_for(hardware: dict[str, Any]) -> int:
    """Threads of one process: OMP_NUM_THREADS where it is set, else the cores divided among the processes on this
    machine, at most 4 (small steps gain no more).
    """
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdigit() and int(wished):
        return int(wished)
    devices = hardware.get("devices")
    workers = devices if hardware.get("accelerator") == "cpu" and isinstance(devices, int) else 1
    return max(1, min(4, usable_cores() // workers))


def make_trainer(run: Run, assembly: Assembly, callbacks: tuple[Callback, ...]) -> Trainer:
    """The Lightning trainer of a run."""
    config = assembly.config
    checkpoints = Checkpoints(run.best, run.last, *assembly.data.selection)
    number = len(list(run.path.glob("csv*"))) + 1  # a resumed run adds a file, since the logger would overwrite
    return Trainer(
        **config.hardware.arguments(),
        max_epochs=config.epochs,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.gradient_clip,
        logger=[
            *boards(run),
            CSVLogger(run.path, name="", version="csv" if number == 1 else f"csv-{number}"),
        ],
        callbacks=[
            Dashboard(config.log_every, assembly.data.selection[0]),
            StepCost(),
            checkpoints,
            *([Bar(checkpoints)] if config.progress else []),
            *callbacks,
        ],
        num_sanity_val_steps=0,
        enable_progress_bar=False,  # ours costs less
        enable_model_summary=False,
        # Metrics are written by the dashboard callback at its own pace; Lightning's own logging happens once an epoch
        log_every_n_steps=0,
        use_distributed_sampler=False,
        profiler=Unprofiled(),
    )


def boards(run: Run) -> list[Logger]:
    """The dashboard of a run."""
    return [TensorBoardLogger(run.path, name="", version="tensorboard", flush_secs=FLUSH_SECONDS)]


class Unprofiled(Profiler):
    """Takes no profile: Lightning opens some eighty profiling contexts a step, and its own profiler makes each anew."""

    nothing = nullcontext()

    def start(self, action_name: str) -> None:
        """Do nothing."""

    def stop(self, action_name: str) -> None:
        """Do nothing."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """A context that does nothing."""
        return self.nothing
