"""One run of a stack, as its own callbacks see the trainer."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from mtl.errors import InputError
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.module.random_state import KEY
from mtl.training.budget import Budget
from mtl.training.callbacks import Checkpoints, Timer

T = TypeVar("T")


class SharedTimer(Timer):
    """The seconds of a run that is trained beside others: its share of all that passes."""

    def __init__(self) -> None:
        super().__init__()
        self._shared = 0.0
        self._settled = time.perf_counter()

    def settle(self, members: int) -> None:
        """Count what has passed, divided by the members."""
        self._shared += (time.perf_counter() - self._settled) / members
        self._settled = time.perf_counter()

    def skip(self) -> None:
        """Count nothing of what has passed."""
        self._settled = time.perf_counter()

    @override
    def fit(self) -> float:
        return self._shared

    @override
    def on_validation_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        before = self.seconds
        super().on_validation_start(trainer, module)
        self.seconds = before + (self.seconds - before) / trainer.members  # type: ignore[attr-defined]


class Member:
    """What the callbacks of a run ask of a trainer, and what they tell it, for one run of a stack.

    A run of its own has a trainer of its own, whose counters are those of all members here: these make their steps
    together. What differs between members is in this object: module, optimizer, scheduler, metrics, loggers, and when
    training ends.

    Args:
        module: of the run.
        budget: the most that it is trained.
        random_state: of a training of its own when it begins, and at the last checkpoint.

    Attributes:
        loggers: of the run.
        callbacks: of the run; the one that keeps checkpoints comes last, as with Lightning.
        trainer: of the stack; None before its training.
        members: how many are in the stack now.
        optimizers: its own one, which says how it is updated.
        schedulers: its own one, or none.
        interval: of the scheduler, "step" or "epoch".
        callback_metrics: of its last validation.
        max_epochs: after which its training ends.
        check_val_every_n_epoch: epochs from one validation to the next.
        error: what has ended it early; None: nothing.
        weights: of the losses, by the tasks with labels, where the weighting never changes them.
    """

    accumulate_grad_batches = 1
    sanity_checking = False
    is_global_zero = True

    def __init__(
        self,
        module: MultiTaskModule,
        budget: Budget,
        random_state: Tensor,
    ) -> None:
        self.module, self.budget, self.random_state = module, budget, random_state
        self.loggers: list[Logger] = []
        self.callbacks: list[EpochCallback] = []
        self.trainer: Trainer | None = None
        self.members = 1
        configured: Any = module.configure_optimizers()
        schedule = configured["lr_scheduler"] if isinstance(configured, dict) else None
        own: Optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
        self.optimizers = [own]
        self.schedulers = [schedule["scheduler"]] if schedule else []
        self.interval = schedule["interval"] if schedule else "epoch"
        own._opt_called = True  # type: ignore[attr-defined]  # else a scheduler warns of an optimizer without a step
        self.callback_metrics: dict[str, Tensor] = {}
        self.max_epochs = budget.epochs
        self.check_val_every_n_epoch = budget.every
        self.error: InputError | None = None
        self.weights: dict[tuple[int, ...], Tensor] = {}
        self._counters: tuple[int, int] | None = None

    @property
    def lr_scheduler_configs(self) -> list[SimpleNamespace]:
        """The schedulers, as Lightning keeps them."""
        return [SimpleNamespace(scheduler=one) for one in self.schedulers]

    @property
    def fit_loop(self) -> "Member":
        """What knows the last epoch."""
        return self

    @property
    def strategy(self) -> Any:
        """Of the stack's trainer."""
        return self._of_stack.strategy

    @property
    def current_epoch(self) -> int:
        """Epochs before the one under way; after the end, all of them."""
        return self._counters[0] if self._counters else self._of_stack.current_epoch

    @property
    def global_step(self) -> int:
        """Optimizer steps so far."""
        return self._counters[1] if self._counters else self._of_stack.global_step

    @property
    def num_training_batches(self) -> int:
        """Of an epoch."""
        return int(self._of_stack.num_training_batches)

    @property
    def is_last_batch(self) -> bool:
        """Whether the batch under way is the last of the epoch."""
        return self._of_stack.is_last_batch

    @property
    def _of_stack(self) -> Trainer:
        assert self.trainer is not None
        return self.trainer

    @property
    def validates(self) -> bool:
        """Whether it is validated after the epoch under way."""
        return self.error is None and (self.current_epoch + 1) % self.check_val_every_n_epoch == 0

    @property
    def ends(self) -> bool:
        """Whether the epoch under way is its last."""
        return self.error is not None or self.current_epoch + 1 >= self.max_epochs

    def end(self) -> None:
        """Keep the counters as they are at the end of the epoch under way, which is the last one."""
        self._counters = (self.current_epoch + 1, self.global_step)
        for logger in self.loggers:
            logger.finalize("failed" if self.error else "success")

    def attempt(self, act: Callable[[], T]) -> T | None:
        """Do something for it, unless it has failed; what is wrong with it, such as a broken loss, ends it alone.

        Args:
            act: what is done.

        Returns:
            What came of it; None where it has failed, now or before.
        """
        if self.error is None:
            try:
                return act()
            except InputError as error:
                self.error = error
        return None

    def call(self, hook: str, *arguments: Any, checkpoints: bool | None = None) -> None:
        """Call a hook of the callbacks.

        Args:
            hook: its name.
            *arguments: behind trainer and module.
            checkpoints: only of those that keep checkpoints, or only of the others; None: of all.
        """
        for callback in self.callbacks:
            if checkpoints is None or isinstance(callback, Checkpoints) == checkpoints:
                act = getattr(callback, hook, None)  # None where nothing is done at every step
                if act is not None:
                    act(self, self.module, *arguments)

    def schedule(self, *, epoch_ends: bool) -> None:
        """Let the scheduler make its step, where it is time."""
        for one in self.schedulers:
            if self.interval == "step" or epoch_ends:
                one.step()

    def log_validation(self, metrics: dict[str, float]) -> None:
        """Tell callbacks and loggers what was measured in validation, as Lightning does."""
        self.callback_metrics |= {name: torch.tensor(value) for name, value in metrics.items()}
        shown = {name: float(self.callback_metrics[name]) for name in metrics} | {"epoch": self.current_epoch}
        for logger in self.loggers:
            logger.log_metrics(shown, step=self.global_step - 1)  # the last step that was made, counted from 0
            logger.save()

    def save_checkpoint(self, path: Any, weights_only: bool | None = None) -> None:
        """Write a checkpoint from which the run can be gone on with alone."""
        stack: Any = self._of_stack.lightning_module
        stack.saved = self
        self._of_stack.save_checkpoint(path, weights_only=weights_only)

    def fill(self, checkpoint: dict[str, Any]) -> None:
        """Make a checkpoint of the stack's trainer one of this run."""
        checkpoint["state_dict"] = copied(self.module.state_dict())
        checkpoint["optimizer_states"] = [copied(one.state_dict()) for one in self.optimizers]
        checkpoint["lr_schedulers"] = [one.state_dict() for one in self.schedulers]
        states = {one.state_key: one.state_dict() for one in self.callbacks}
        checkpoint["callbacks"] = {key: state for key, state in states.items() if state}
        checkpoint[KEY] = {"cpu": self.random_state}


def copied(value: Any) -> Any:
    """Plain values and tensors with the same content, each tensor with memory of its own.

    A view would be written with all that it is a view of.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list) else value
