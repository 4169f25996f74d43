"""What a training takes of the machine, over time."""

import psutil
import torch
from pytorch_lightning import LightningModule, Trainer
from typing_extensions import override

from mtl.module.lightning import EpochCallback

MEGABYTE = 1e6


class DeviceStats(EpochCallback):
    """Logs, with every validation, use of processor and memory, and on a GPU the memory of its tensors.

    Lightning's ``DeviceStatsMonitor`` writes only in steps that the trainer logs, and there are none here.

    ``device/cpu_percent`` is of all cores since the last validation, ``device/memory_percent`` of the machine's memory,
    ``device/process_megabytes`` what this process holds; ``device/gpu_megabytes`` and ``device/gpu_peak_megabytes`` are
    what tensors on its GPU take, now and at most since the training began.
    """

    @override
    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        psutil.cpu_percent()  # the first call has nothing to compare with

    @override
    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        values = device_stats(trainer.strategy.root_device)
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step)


def device_stats(device: torch.device) -> dict[str, float]:
    """Use of processor, memory and device, by tag."""
    values = {
        "device/cpu_percent": psutil.cpu_percent(),
        "device/memory_percent": psutil.virtual_memory().percent,
        "device/process_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
    }
    if device.type == "cuda":
        values["device/gpu_megabytes"] = torch.cuda.memory_allocated(device) / MEGABYTE
        values["device/gpu_peak_megabytes"] = torch.cuda.max_memory_allocated(device) / MEGABYTE
    return values
