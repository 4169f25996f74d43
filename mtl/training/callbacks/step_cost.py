"""What a weighting costs: the seconds of a training step relative to one with equal weights."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from math import isfinite, nan
from statistics import median

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from typing_extensions import override

from mtl.distributed import least_over_processes
from mtl.module.lightning import EpochCallback
from mtl.module.losses import count_labels, loss_sums
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch
from mtl.weighting.base import Step, Weighting
from mtl.weighting.equal import Equal

TAG = "cost/step_relative_to_equal"
Precision = Callable[[], AbstractContextManager[None]]  # in which losses are computed, and gradients are not
ROUNDS = 5
SECONDS = 1.0  # of all rounds together: no more are begun afterwards


class StepCost(EpochCallback):
    """Measures, before the first step of a training, what its weighting costs.

    It is written once, as ``cost/step_relative_to_equal``. On the first batch the network's losses, the weighting's
    backward pass and its look at the losses afterwards are timed in turn with the same under equal weights, and the
    median of the ratios is taken: the same network, machine and minute. The optimizer's step, which is the same for
    both, is left out: over a whole step the ratio is nearer to 1. A copy of the weighting is measured, and buffers and
    random state are put back, so training goes on as if nothing had been measured.

    Attributes:
        value: the ratio; None before it is measured, in a resumed run, and where the clock does not tell it.
    """

    def __init__(self) -> None:
        self.value: float | None = None

    @override
    def on_train_batch_start(  # type: ignore[override]
        self, trainer: Trainer, module: MultiTaskModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step or batch_idx:
            return
        counts = batch.counts or count_labels(module.graph, batch, 1)
        if not any(counts):
            return
        if type(module.weighting) is Equal and module.weighting.normalise == "none":
            self.value = 1.0
        else:
            found = relative_cost(module, batch, counts, trainer.precision_plugin.forward_context)
            self.value = found if isfinite(found) else None
        if self.value is None:
            return
        for logger in trainer.loggers:
            logger.log_metrics({TAG: self.value}, step=0)


def relative_cost(module: MultiTaskModule, batch: Batch, counts: Sequence[int], precision: Precision) -> float:
    """Seconds of losses and backward pass under a module's weighting, relative to equal weights.

    Args:
        module: its gradients are None afterwards.
        batch: counts as a step of its own.
        counts: labelled rows of each task.
        precision: that of the training's losses.

    Returns:
        The median ratio of some repetitions; NaN where the clock does not tell it.
    """
    buffers = {name: value.clone() for name, value in module.network.named_buffers()}
    with torch.random.fork_rng([module.device] if module.device.type == "cuda" else []):
        mine = one_pass(module, batch, counts, deepcopy(module.weighting), precision)
        equal = one_pass(module, batch, counts, Equal(len(counts)).to(module.device), precision)
        mine()  # what is done once: memory that is used again, the compiler's work
        equal()
        ratios: list[float] = []
        started = time.perf_counter()
        while len(ratios) < ROUNDS and (not ratios or all_have_time(started, module.device)):
            own, least = seconds(mine, module.device), seconds(equal, module.device)
            ratios.append(own / least if least > 0 else nan)  # a clock that is coarse, or stands still, says nothing
    for name, value in module.network.named_buffers():
        value.copy_(buffers[name])
    return median([one for one in ratios if isfinite(one)] or [nan])


def all_have_time(started: float, device: torch.device) -> bool:
    """Whether no process has measured for too long: all take the same number of passes, in which they wait for others.

    Args:
        started: when this one began.
        device: of the module.

    Returns:
        The same in every process.
    """
    left = torch.tensor(SECONDS - (time.perf_counter() - started), device=device)
    return bool(least_over_processes(left) > 0)


def one_pass(
    module: MultiTaskModule, batch: Batch, counts: Sequence[int], weighting: Weighting, precision: Precision
) -> Callable[[], None]:
    """A function that takes losses to gradients under some weighting."""
    partition = module.partition
    weighting.says_unreached = False  # the module looks for them

    def losses(predictions: dict[str, Tensor]) -> list[Tensor]:
        sums = loss_sums(module.graph, predictions, batch)
        return [total / max(n, 1) for total, n in zip(sums, counts, strict=True)]

    def recompute() -> Tensor:
        with torch.no_grad(), precision():
            return torch.stack(losses(module(batch.inputs)))

    def recompute_with_graph() -> list[list[Tensor]]:
        with precision():
            return [losses(module.network(batch.inputs))]

    step = Step(batch._replace(counts=tuple(counts)).present, recompute=recompute_with_graph)

    def run() -> None:
        with precision():
            predictions, representation = (
                module.network.with_representation(batch.inputs)
                if weighting.needs_representation
                else (module(batch.inputs), None)
            )
            found = losses(predictions)
        weighting.backward(found, partition.shared, partition.private_lists, partition.layer, step, representation)
        weighting.after_step(recompute)
        module.zero_grad()

    return run


def seconds(run: Callable[[], None], device: torch.device) -> float:
    """Wall-clock seconds of a call, with all that it leaves to a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
