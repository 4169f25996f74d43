"""A learning rate that falls when validation improves no more."""

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import override

from mtl.errors import InputError


class Plateau(LRScheduler):
    """The rate is multiplied by ``factor`` when more than ``patience`` validations in turn were no better.

    As ``torch.optim.lr_scheduler.ReduceLROnPlateau`` with mode "min" and a relative threshold: better is a value below
    ``best - threshold |best|``. Deviation: each parameter group has a plateau of its own, since where nothing is shared
    each task is trained as it would be alone; so it is told values by :meth:`observe`, not by ``step``.
    :class:`~mtl.training.callbacks.plateau_watch.PlateauWatch` does that.

    Args:
        optimizer: its parameter groups.
        factor: between 0 and 1.
        patience: validations.
        threshold: a share, 0 or more.
        least: share of the first rate that it does not fall below.

    Attributes:
        interval: it steps with every optimizer step, not with every epoch.
        shares: by parameter group, what is left of the first rate.
        best: by parameter group, the lowest value so far; None: there is none yet.
        waited: by parameter group, values since then that were no better.
    """

    interval = "step"

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.5,
        patience: int = 4,
        threshold: float = 1e-4,
        least: float = 0.01,
    ) -> None:
        if not 0 < factor < 1:
            raise InputError(f"scheduler.factor={factor}: expected a number between 0 and 1")
        if patience < 0 or threshold < 0:
            raise InputError(f"scheduler.patience={patience}, threshold={threshold}: expected numbers of 0 or more")
        if not 0 <= least <= 1:
            raise InputError(f"scheduler.least={least}: expected a number from 0 to 1")
        self.factor, self.patience, self.threshold, self.least = factor, patience, threshold, least
        groups = len(optimizer.param_groups)
        self.shares = [1.0] * groups
        self.best: list[float | None] = [None] * groups
        self.waited = [0] * groups
        super().__init__(optimizer)

    def observe(self, group: int, value: float) -> None:
        """Take notice of a validation.

        Args:
            group: number of a parameter group.
            value: less is better; what is not a number is no better.
        """
        best = self.best[group]
        if value == value and (best is None or value < best - self.threshold * abs(best)):
            self.best[group], self.waited[group] = value, 0
            return
        self.waited[group] += 1
        if self.waited[group] > self.patience:
            self.shares[group] = max(self.shares[group] * self.factor, self.least)
            self.waited[group] = 0

    @override
    def get_lr(self) -> list[float | Tensor]:
        return [base * share for base, share in zip(self.base_lrs, self.shares, strict=True)]
