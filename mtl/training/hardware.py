"""What this machine gives a training: processes and threads."""

import os
import sys
from collections.abc import Mapping
from inspect import signature, unwrap
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from mtl.config.beginning import where_it_began
from mtl.config.run_config import MOST_THREADS as LARGEST
from mtl.config.system import usable_cores
from mtl.config.trainer_arguments import DECIDED_BY, decided_by
from mtl.errors import InputError, unknown
from mtl.module.lightning import without_slurm

NO_FILES = ("", "-", "-c")  # first word of a program that Python does not read from a file
COPIES = ("fork", "notebook")  # words in strategies that do not run the program again
MOST_THREADS = 4  # of one process: small steps gain no more


def check_hardware(hardware: Mapping[str, Any]) -> None:
    """Raise an InputError for the first key of ``hardware`` that is no argument of the trainer, or not free.

    Args:
        hardware: arguments of Lightning's trainer.

    Raises:
        InputError: an unknown argument, with the nearest one; one that every run sets itself, with the key that
            decides it; a switch that is neither on nor off; a strategy under which a weighting would not be what makes
            the gradients.
    """
    valid = [name for name in signature(Trainer).parameters if name not in DECIDED_BY]
    for name in hardware:
        if name in DECIDED_BY:
            raise InputError(f"hardware.{name} is set by every run itself: {decided_by(name, hardware[name])}")
        if name not in valid:
            raise unknown("argument of the trainer in hardware", name, valid)
        check_switch(name, hardware[name])
    strategy = str(hardware.get("strategy", "auto"))
    if strategy != "auto" and not strategy.startswith("ddp"):
        # FSDP leaves each process a part of a parameter, and what reduces its gradients is a call of Tensor.backward,
        # which no weighting makes; DeepSpeed's engine takes gradients by itself, and passes over the weighting
        raise InputError(
            f"hardware.strategy={strategy}: expected auto or ddp: a weighting takes the gradients of whole parameters "
            "in each process, and other strategies divide them or take gradients of their own"
        )
    if "spawn" in strategy or "forkserver" in strategy:
        raise InputError(
            f"hardware.strategy={strategy}: expected ddp, or ddp_notebook where the program is no file: a network "
            "cannot be sent to a process that begins anew"
        )


def check_switch(name: str, value: Any) -> None:
    """Raise InputError for a value of another kind than one of the trainer's switches takes.

    The trainer passes over some such values without a word, and would not be told what was asked for.
    """
    hint = get_type_hints(unwrap(Trainer.__init__))[name]
    kinds = get_args(hint) or (hint,)
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    others = {kind for kind in kinds if get_origin(kind) is not Literal} - {bool, NoneType}
    if bool not in kinds or others:  # no switch
        return
    if isinstance(value, bool) or value in words or (value is None and NoneType in kinds):
        return
    raise InputError(f"hardware.{name}={value}: expected {', '.join(['true', 'false', *words])}")


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


def check_program(hardware: Mapping[str, Any], processes: int) -> None:
    """Raise InputError where the processes of a training are to be started by running a program again that is no file.

    Args:
        hardware: arguments of Lightning's trainer.
        processes: that this hardware trains with, on all machines.
    """
    here, strategy = processes // int(hardware.get("num_nodes", 1)), str(hardware.get("strategy", "auto"))
    if here < 2 or any(word in strategy for word in COPIES):
        return
    if sys.argv[0] in NO_FILES:
        raise InputError(
            f"hardware: {here} processes are started by running the program again, and this one is no file: write "
            "it to a file, or say hardware.strategy=ddp_notebook"
        )
    program = sys.modules["__main__"]
    with where_it_began():
        elsewhere = program.__spec__ is None and is_elsewhere(sys.argv[0], getattr(program, "__file__", None))
    if elsewhere:
        raise InputError(
            f"hardware: {here} processes are started by running '{sys.argv[0]}' again, which is not in the working "
            "directory any more (os.chdir?): import mtl before changing the directory, start it by its full path, or "
            "name paths instead"
        )


def is_elsewhere(typed: str, file: str | None) -> bool:
    """Whether the file of a program is not where its name, as it was typed, leads from the working directory.

    Args:
        typed: its name.
        file: where it was when the program began; None: not known.

    Returns:
        Whether it is another one, or none.
    """
    if file is None or Path(file).name != Path(typed).name or not Path(file).is_file():
        return False  # another name, as of a program that was packed, says nothing
    return not (Path(typed).is_file() and Path(typed).samefile(file))


def threads_for(hardware: Mapping[str, Any], most: int | None = None) -> int:
    """Threads of one process, at most; a training may do with one (:mod:`mtl.training.step_threads`).

    ``OMP_NUM_THREADS`` where it is set, else the cores divided among the processes on this machine, at most 4.

    Args:
        hardware: arguments of Lightning's trainer.
        most: no more than these, where other programs share the cores; None: no such limit.

    Returns:
        Their number.
    """
    if most is not None:
        return min(most, threads_for(hardware))
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdigit() and int(wished):
        return min(int(wished), LARGEST)
    devices = hardware.get("devices")
    workers = devices if hardware.get("accelerator") == "cpu" and isinstance(devices, int) else 1
    return max(1, min(MOST_THREADS, usable_cores() // workers))
