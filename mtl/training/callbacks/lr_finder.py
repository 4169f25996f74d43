"""A learning rate from a short test before training."""

import sys
from collections.abc import Iterator
from math import isfinite
from typing import Any, Protocol

import numpy as np
import torch
from pytorch_lightning import Trainer
from torch.optim import Optimizer
from typing_extensions import override

from mtl.errors import InputError
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.module.training_step import StepState
from mtl.suites.batch import Batch

TAG = "lr/found"
SMOOTHING = 0.98  # share of the running mean of the losses that a step keeps
SKIP = 10  # first steps, in which that mean is of few losses
DIVERGED = 4.0  # times the lowest loss, after which larger rates are not tried


class Data(Protocol):
    """What the test asks of the data module."""

    def loader(self, split: str, *, training: bool, world: int) -> Any:
        """The rows of a split, as training takes them."""


class LearningRateFinder(EpochCallback):
    """Chooses the learning rate before the first step, in place of ``optimizer.lr``.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, https://arxiv.org/abs/1506.01186
    (the range test): the network is trained for some steps in which the rate grows exponentially. The rate taken is the
    one at which the smoothed loss falls fastest, over the logarithm of the rate. Then everything is as before the test.

    Deviations: the loss is ``sum_i L_i / L_i(0)`` over the K tasks, ``L_i(0)`` their losses in the first step, since a
    task of large losses would decide alone. Lightning's ``LearningRateFinder`` asks for one loss and trains with the
    trainer itself, which has other callbacks by then.

    The rate is logged as ``lr/found``, and said on the standard error. A resumed training goes on with it.

    Args:
        min_lr: the first rate.
        max_lr: the last rate.
        steps: of the test.

    Raises:
        InputError: rates out of order, or too few steps.
    """

    def __init__(self, min_lr: float = 1e-6, max_lr: float = 1.0, steps: int = 100) -> None:
        if not 0 < min_lr < max_lr:
            raise InputError(f"callbacks.lr_finder: min_lr={min_lr}, max_lr={max_lr}: expected 0 < min_lr < max_lr")
        if steps < 2 * SKIP:
            raise InputError(f"callbacks.lr_finder.steps={steps}: expected {2 * SKIP} or more")
        self.min_lr, self.max_lr, self.steps = min_lr, max_lr, steps

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        if trainer.global_step:  # resumed: the optimizer's state has the rate
            return
        if module.rates:
            raise InputError("callbacks.lr_finder: rates= says the learning rates of tasks already")
        if len({group["lr"] for group in trainer.optimizers[0].param_groups}) > 1:
            raise InputError(
                "callbacks.lr_finder: the optimizer gives groups of parameters learning rates of their own"
            )
        data: Data = trainer.datamodule  # type: ignore[attr-defined]
        loader = data.loader("train", training=True, world=1)  # of several processes each does the same
        with torch.random.fork_rng([module.device] if module.device.type == "cuda" else []):
            rates, losses = self.test(trainer, module, loader)
        rate = steepest(rates, losses)
        (optimizer,) = trainer.optimizers
        before = optimizer.param_groups[0]["lr"]
        if rate is None:
            said = f"no learning rate was found at which the losses fall; it stays {before:g}"
        else:
            set_rate(optimizer, rate)
            for one in trainer.lr_scheduler_configs:
                one.scheduler.base_lrs = [rate] * len(optimizer.param_groups)
            said = f"learning rate {rate:.2g} found, in place of {before:g}"
            for logger in trainer.loggers:
                logger.log_metrics({TAG: rate}, step=0)
        if trainer.is_global_zero:
            sys.stderr.write(f"{said}\n")

    def test(self, trainer: Trainer, module: MultiTaskModule, loader: Any) -> tuple[list[float], list[float]]:
        """Train with growing rates, and put everything back.

        Args:
            trainer: of the training that follows.
            module: what is trained.
            loader: of its rows.

        Returns:
            The rates, and the loss of each step before its update.
        """
        state = {name: value.clone() for name, value in module.state_dict().items()}
        made: Any = module.configure_optimizers()
        optimizer: Optimizer = made["optimizer"] if isinstance(made, dict) else made
        rates = np.geomspace(self.min_lr, self.max_lr, self.steps).tolist()
        found: list[float] = []
        first: torch.Tensor | None = None
        batches = endless(loader)
        for rate in rates:
            set_rate(optimizer, rate)
            losses = self.backward(trainer, module, batches)
            first = losses.clamp(min=torch.finfo(losses.dtype).tiny) if first is None else first
            found.append(float((losses / first).sum()))
            if not isfinite(found[-1]) or found[-1] > DIVERGED * min(found):
                break
            if trainer.gradient_clip_val is not None:
                module.step.clip(trainer.gradient_clip_val)
            optimizer.step()
            module.step.finish()
            module.zero_grad()
        module.load_state_dict(state)
        module.zero_grad()
        module.step.state = StepState()
        return rates[: len(found)], found

    @staticmethod
    def backward(trainer: Trainer, module: MultiTaskModule, batches: Iterator[Batch]) -> torch.Tensor:
        """Losses of one optimizer step ``[K]``, with its gradients in ``.grad``."""
        parts, count = [], trainer.accumulate_grad_batches
        for number in range(count):
            batch = module.transfer_batch_to_device(next(batches), module.device, 0)
            with trainer.precision_plugin.forward_context():
                parts.append(module.step.losses(batch, count, number == count - 1))
            module.step.backward(1.0)
        return torch.stack(parts).mean(0)


def endless(loader: Any) -> Iterator[Batch]:
    """The batches of one epoch after the other."""
    epoch = 0
    while True:
        loader.set_epoch(epoch)
        yield from loader
        epoch += 1


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group of parameters this learning rate, also as the one that a scheduler begins with."""
    for group in optimizer.param_groups:
        group["lr"] = rate
        if "initial_lr" in group:
            group["initial_lr"] = rate


def steepest(rates: list[float], losses: list[float]) -> float | None:
    """The rate at which the smoothed losses fall fastest; None where they fall nowhere."""
    smooth, mean = [], 0.0
    for number, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smooth.append(mean / (1 - SMOOTHING**number))
    usable = np.array(smooth)[SKIP:-1]
    usable = usable[np.isfinite(usable)]
    if len(usable) < 2:
        return None
    slopes = np.gradient(usable)
    place = int(slopes.argmin())
    return rates[SKIP + place] if slopes[place] < 0 else None
