"""What a run costs and where it ran: parameters, operations, seconds, memory, versions.

All of this is information. What the machine does not tell, or what fails, is left empty or 0, so that no finished run
is lost for it.
"""

import gc
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar

import torch
from torch.nn import Parameter
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from mtl.config.folders import CONF, PACKAGE
from mtl.config.system import forget_peak_of_host, peak_of_host, processor, usable_cores
from mtl.errors import DISTRIBUTION
from mtl.module.evaluating import evaluating
from mtl.module.module import MultiTaskModule
from mtl.sharing.base import Sharing
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.loader import MEASURED, measured_at_once

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "torchmetrics", "numpy")
REPEATS = 5  # predictions that are timed, at least
ENOUGH = 0.02  # seconds of them together, at least
Value = TypeVar("Value")


def if_possible(tell: Callable[[], Value], otherwise: Value) -> Value:
    """What a function tells; ``otherwise``, if it raises any error."""
    try:
        return tell()
    except Exception:
        return otherwise


def count_parameters(module: MultiTaskModule) -> dict[str, Any]:
    """Trainable parameters: total, shared, and by task those that only its loss reaches; none that learns nothing."""
    strategies = [part for part in module.network.modules() if isinstance(part, Sharing)]
    idle = {id(p) for one in strategies for p in one.idle_parameters()}

    def count(parameters: Iterable[Parameter]) -> int:
        return sum(p.numel() for p in parameters if id(p) not in idle)

    private = {name: count(part) for name, part in module.partition.private.items()}
    shared = count(module.partition.shared)
    return {"total": shared + sum(private.values()), "shared": shared, "private": private}


def attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any) -> int:
    """Operations of attention, from the shapes of what it is called with."""
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


# By its name on a CPU, which torch's counter does not know, as it does those on a GPU
ON_CPU = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops}


def count_flops(
    module: MultiTaskModule, data: MultiTaskDataModule, split: str = "test", rows: int | None = None
) -> int | None:
    """Floating-point operations that predict one row for all tasks: of matrix products, convolutions and attention.

    A multiplication and an addition count as two; of a set that is padded, the padding counts too. What is computed
    once for a batch, as the product of a term of low rank, counts with its share of one row of the batch.

    Args:
        module: its network is counted, not its compiled form, into which the counter does not look.
        data: of which a batch is predicted.
        split: of these rows.
        rows: only the first of the batch; None: all.

    Returns:
        The number; None where counting fails.
    """

    def count() -> int | None:
        batch = module.transfer_batch_to_device(next(iter(data.loader(split))), module.device, 0)
        inputs = {name: values[:rows] for name, values in batch.inputs.items()}
        with (
            evaluating(module.network),
            FlopCounterMode(display=False, custom_mapping=ON_CPU) as counter,
            torch.no_grad(),  # in inference mode the counter fails on a module that is called with a parameter
        ):
            module.network(inputs)
        return round(int(counter.get_total_flops()) / len(next(iter(inputs.values()))))

    return if_possible(count, None)


def inference_seconds(predict: Predict, data: MultiTaskDataModule) -> float | None:
    """Least seconds of predicting one batch of test rows for all tasks, of several after one to warm up.

    These are up to 1024 rows, fewer of large pictures.

    Other programs, which interrupt a prediction, make it longer and never shorter, so that the least says most.

    Args:
        predict: inputs to raw predictions by task.
        data: has the rows.

    Returns:
        Seconds; None where predicting fails, and where the clock stands still.
    """

    def measure() -> float | None:
        inputs, rows = next(iter(data.loader("test"))).inputs, measured_at_once(data.splits["test"])
        few = {name: values[: min(MEASURED, rows)] for name, values in inputs.items()}
        predict(few)
        times: list[float] = []
        while len(times) < REPEATS or 0 < sum(times) < ENOUGH:
            started = time.perf_counter()
            predict(few)
            times.append(time.perf_counter() - started)
        return min(times) or None

    return if_possible(measure, None)


def reset_peak_memory() -> None:
    """Forget the peaks of earlier runs in this process, and what they left, where the system can."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    forget_peak_of_host()


def peak_memory() -> int | None:
    """Most memory this process has used: on the GPU if it trained there, else of the host. Bytes; None if unknown."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    return if_possible(peak_of_host, None)


def environment(threads: int | None = None) -> dict[str, str]:
    """Versions and machine, for whoever wants to repeat the run; what cannot be found out is empty.

    Args:
        threads: with which the run was trained; None: those of the process.

    Returns:
        Texts by name.
    """
    facts: dict[str, Callable[[], str]] = {
        "device": lambda: torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processor": processor,
        "cores": lambda: str(usable_cores()),
        "threads": lambda: str(threads or torch.get_num_threads()),
    }
    return {**versions(), **{name: if_possible(tell, "") for name, tell in facts.items()}}


@cache  # asking, of git among others, takes longer than an epoch of a small training
def versions() -> Mapping[str, str]:
    """What does not change while a process lasts: versions, system, and commit. Not to be changed."""
    facts: dict[str, Callable[[], str]] = {
        "mtl": lambda: version(DISTRIBUTION),
        "python": platform.python_version,
        **{name: lambda name=name: version(name) for name in PACKAGES},  # type: ignore[misc]
        "torch": lambda: str(torch.__version__),  # which names the build, as of CUDA; the metadata need not
        "platform": platform.platform,
        "commit": _commit,
    }
    return {name: if_possible(tell, "") for name, tell in facts.items()}


def _commit() -> str:
    """The commit of this repository; empty where the package is installed, also into somebody else's repository."""
    if CONF.parent == PACKAGE:
        return ""
    command = ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
