"""What this machine gives a training: processes and threads."""

import os
from collections.abc import Mapping
from inspect import signature
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from mtl.config.run_config import MOST_THREADS as LARGEST
from mtl.config.system import usable_cores
from mtl.errors import InputError, unknown
from mtl.module.lightning import without_slurm

MOST_THREADS = 4  # of one process: small steps gain no more

# Arguments of the trainer that every run sets itself, and the key of the config that decides them; None: no key does
DECIDED_BY: dict[str, str | None] = {
    "max_epochs": "epochs",
    "max_steps": "steps",
    "check_val_every_n_epoch": "validate_every",
    "accumulate_grad_batches": "accumulate",
    "gradient_clip_val": "gradient_clip",
    "gradient_clip_algorithm": None,
    "val_check_interval": "validate_every",
    "min_epochs": "patience",
    "min_steps": "patience",
    "limit_test_batches": None,
    "limit_predict_batches": None,
    "barebones": None,
    "model_registry": None,
    "enable_progress_bar": "progress",
    "log_every_n_steps": "log_every",
    "default_root_dir": "output",
    "callbacks": "callbacks",
    "enable_checkpointing": None,
    "enable_model_summary": None,
    "logger": "logger",
    "num_sanity_val_steps": None,
    "profiler": "profiler",
    "use_distributed_sampler": None,
}

# Where the trainer's values are objects, or mean something else: how the key is typed
EXAMPLES = {
    "val_check_interval": "20, in optimizer steps",
    "min_epochs": "null and some epochs, such as 20",
    "min_steps": "null and some steps, such as 3000",
    "callbacks": "ema, or +callbacks.<name>._target_=<class>",
    "logger": "[tensorboard,mlflow]",
    "profiler": "simple",
}


def check_hardware(hardware: Mapping[str, Any]) -> None:
    """Raise an InputError for the first key of ``hardware`` that is no argument of the trainer, or not free.

    Args:
        hardware: arguments of Lightning's trainer.

    Raises:
        InputError: an unknown argument, with the nearest one; one that every run sets itself, with the key that
            decides it; a strategy under which a weighting would not be what makes the gradients.
    """
    valid = [name for name in signature(Trainer).parameters if name not in DECIDED_BY]
    for name in hardware:
        if name in DECIDED_BY:
            key = DECIDED_BY[name]
            value = EXAMPLES.get(name, hardware[name])
            instead = f"use {key}={value}" if key else "and no other value is possible"
            raise InputError(f"hardware.{name} is set by every run itself: {instead}")
        if name not in valid:
            raise unknown("argument of the trainer in hardware", name, valid)
    strategy = str(hardware.get("strategy", "auto"))
    if strategy != "auto" and not strategy.startswith("ddp"):
        # FSDP leaves each process a part of a parameter, and what reduces its gradients is a call of Tensor.backward,
        # which no weighting makes; DeepSpeed's engine takes gradients by itself, and passes over the weighting
        raise InputError(
            f"hardware.strategy={strategy}: expected auto or ddp: a weighting takes the gradients of whole parameters "
            "in each process, and other strategies divide them or take gradients of their own"
        )


def processes_of(hardware: Mapping[str, Any]) -> int:
    """How many processes this hardware trains with.

    Args:
        hardware: arguments of Lightning's trainer.

    Returns:
        Their number over all machines.

    Raises:
        InputError: an argument has a mistake, or the machine does not have this hardware.
    """
    check_hardware(hardware)
    try:
        arguments = {**hardware, **without_slurm(hardware)}
        return Trainer(**arguments, logger=False, enable_checkpointing=False, enable_progress_bar=False).world_size
    except (MisconfigurationException, ArithmeticError, RuntimeError, ValueError, TypeError) as error:
        options = ", ".join(f"{key}={value}" for key, value in hardware.items())
        text = " ".join(str(error).split())
        raise InputError(f"this machine cannot train with hardware {options}: {text[:200]}") from None


def threads_for(hardware: Mapping[str, Any]) -> int:
    """Threads of one process.

    ``OMP_NUM_THREADS`` where it is set, else the cores divided among the processes on this machine, at most 4.
    """
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdigit() and int(wished):
        return min(int(wished), LARGEST)
    devices = hardware.get("devices")
    workers = devices if hardware.get("accelerator") == "cpu" and isinstance(devices, int) else 1
    return max(1, min(MOST_THREADS, usable_cores() // workers))
