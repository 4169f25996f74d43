"""A learning rate that is constant and falls to zero at the end, whenever the end comes."""

from collections.abc import Callable
from math import cos, pi, sqrt

from pytorch_lightning import Trainer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import override

from mtl.errors import InputError, unknown

# The share of the rate that is left when this share of the cooldown is done
SHAPES: dict[str, Callable[[float], float]] = {
    "sqrt": lambda done: 1 - sqrt(done),
    "linear": lambda done: 1 - done,
    "cosine": lambda done: (1 + cos(pi * done)) / 2,
}


class Cooldown(LRScheduler):
    """The rate is constant until :meth:`begin`, and falls to zero over the steps given there.

    Source: Haegele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024,
    https://arxiv.org/abs/2405.18392. In step t of a cooldown from step s to step e the rate is
    ``f((t - s) / (e - s))`` times the constant one, with ``f(x) = 1 - sqrt(x)`` (theirs), ``1 - x``, or
    ``(1 + cos(pi x)) / 2``; from e on it is zero.

    Deviation: no warm-up, which the small networks here do not need.

    Args:
        optimizer: each of its parameter groups has a cooldown of its own.
        share: of all steps, those in which the rate falls; what plans the training asks for it.
        shape: of the fall, "sqrt", "linear" or "cosine".

    Attributes:
        interval: it steps with every optimizer step, not with every epoch.
        spans: by parameter group, the first step of its cooldown and the one after the last; None: not known yet.
    """

    interval = "step"

    def __init__(self, optimizer: Optimizer, share: float = 0.2, shape: str = "sqrt") -> None:
        if not 0 < share < 1:
            raise InputError(f"scheduler.share={share}: expected a number between 0 and 1")
        if shape not in SHAPES:
            raise unknown("shape in scheduler.shape", str(shape), sorted(SHAPES))
        self.share, self.shape = share, shape
        self.spans: list[list[int] | None] = [None for _ in optimizer.param_groups]
        super().__init__(optimizer)

    def begin(self, group: int, start: int, end: int) -> None:
        """Let the rate of a parameter group fall.

        Args:
            group: its number.
            start: the first step of the cooldown.
            end: the first step in which the rate is zero.
        """
        self.spans[group] = [start, end]

    def factor(self, group: int, step: int) -> float:
        """The share of a group's constant rate that is left in a step."""
        span = self.spans[group]
        if span is None or step < span[0]:
            return 1.0
        start, end = span
        return SHAPES[self.shape]((step - start) / (end - start)) if step < end else 0.0

    @override
    def get_lr(self) -> list[float | Tensor]:
        return [base * self.factor(group, self.last_epoch) for group, base in enumerate(self.base_lrs)]


def cooldown_of(trainer: Trainer) -> Cooldown | None:
    """The scheduler of a training, if it can cool down."""
    found = [config.scheduler for config in trainer.lr_scheduler_configs if isinstance(config.scheduler, Cooldown)]
    return found[0] if found else None
