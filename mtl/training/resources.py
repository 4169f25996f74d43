"""What a run costs and where it ran: parameters, operations, seconds, memory, versions."""

import ctypes
import gc
import platform
import resource
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from mtl.config.process import usable_cores
from mtl.module.module import MultiTaskModule
from mtl.suites.base import MEASURED, MultiTaskDataModule


def count_parameters(module: MultiTaskModule) -> dict[str, Any]:
    """Trainable parameters: total, shared, and by task those of its own."""
    shared, private, _ = module.partition
    own = {name: sum(p.numel() for p in parameters) for name, parameters in private.items()}
    common = sum(p.numel() for p in shared)
    return {"total": common + sum(own.values()), "shared": common, "private": own}


def count_flops(module: MultiTaskModule, data: MultiTaskDataModule) -> int:
    """Floating-point operations of the matrix products and convolutions that predict one row for all tasks.

    A multiplication and an addition count as two; of a set that is padded, the padding counts too.
    """
    batch = module.transfer_batch_to_device(next(iter(data.loader("test"))), module.device, 0)
    training = module.network.training
    module.network.eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module.network(batch.inputs)  # not its compiled form, into which the counter does not look
    module.network.train(training)
    rows = len(next(iter(batch.targets.values())))
    return round(int(counter.get_total_flops()) / rows)


def inference_seconds(module: MultiTaskModule, data: MultiTaskDataModule) -> float:
    """Median seconds of predicting one batch of test rows (up to 1024) for all tasks, of 5 after one to warm up."""
    inputs = next(iter(data.loader("test"))).inputs
    few = {name: values[:MEASURED] for name, values in inputs.items()}
    times = []
    for _ in range(6):
        started = time.perf_counter()
        module.predict(few)
        times.append(time.perf_counter() - started)
    return median(times[1:])


def reset_peak_memory() -> None:
    """Forget the peaks of earlier runs in this process, and what they left, where the system can."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(AttributeError):  # the GNU C library keeps what is freed, and it would count for the next run
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # Linux: 5 sets the high-water mark to what is used now
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Most memory this process has used: on the GPU if it trained there, else of the host. Bytes."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    with suppress(OSError):  # Linux: getrusage starts from the peak of the program that started this one
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def processor() -> str:
    """The model of the processor; where the system does not tell, its architecture."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.machine()


def environment() -> dict[str, str]:
    """Versions and machine, for whoever wants to repeat the run."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = ("torch", "pytorch-lightning", "hydra-core", "torchmetrics", "numpy")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "platform": platform.platform(),
        "commit": commit.stdout.strip(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processor": processor(),
        "cores": str(usable_cores()),
        "threads": str(torch.get_num_threads()),
    }
