"""What holds for the whole process: defaults that are set before torch is imported, and how imports are made."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mtl.config.deferred_imports import SLOW, imports_deferred
from mtl.errors import InputError

RUN_VARIABLE = "MTL_RUN"  # tells the other processes of one training where the first writes

RESUMED_VARIABLE = "MTL_RESUMED"  # is set where they go on with that run


def set_process_defaults() -> None:
    """Keep the output to what the user asked for, and the processor free for others."""
    # Threads that wait for each other sleep instead of spinning: on a machine with other work, small steps take a fifth
    # of the time (measured: 40 ms instead of 200). Has to be set before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else the end of a connection is a page of C++


@contextmanager
def program_imports() -> Iterator[None]:
    """Within this, a program imports the libraries it works with, in about half of the time.

    Nothing is collected as garbage meanwhile (a fifth of the time), and what torchmetrics imports for metrics of texts
    and of sound waits until it is used (a third). Later garbage collections pass over what has been imported by the end
    of the first time: some hundred thousand objects which stay, and every run begins with a collection. From then on
    memory that is freed in one step serves the next.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with imports_deferred(*SLOW):
            yield
        from mtl.config.system import keep_freed_memory  # psutil, which --help can do without

        keep_freed_memory()
        if not gc.get_freeze_count():  # a second time would keep what earlier runs left, too
            gc.freeze()
    finally:
        if collecting:
            gc.enable()


def check_task_of_slurm() -> None:
    """Raise InputError in each of several processes that ``srun`` has started at once: each would train the run.

    Not in those that the first process of a training has started.
    """
    if RUN_VARIABLE in os.environ:
        return
    tasks, rank = os.environ.get("SLURM_STEP_NUM_TASKS", "1"), os.environ.get("SLURM_PROCID", "0")
    if tasks != "1" or rank != "0":
        raise InputError(
            f"srun has started this command several times (SLURM_PROCID={rank}), and each would train the run: start "
            "it once (srun --ntasks=1); it starts the processes that hardware.devices asks for by itself"
        )
