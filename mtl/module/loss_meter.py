"""Running means of the training losses, and the first step at which one was not finite."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mtl.distributed import least_over_processes, mean_over_processes
from mtl.errors import InputError
from mtl.weighting.base.made import NOT_FINITE

NEVER = 2**62  # a step that no training reaches
AT_ONCE = 64  # training steps whose losses are added up at once


class Diverged(InputError):
    """A loss became NaN or infinite."""

    @classmethod
    def at(cls, step: int, what: str, partly_missing: bool = False) -> "Diverged":
        """The error that says what broke, when, and the likely cause.

        Args:
            step: after so many.
            what: broke.
            partly_missing: labels of the task have no number in a part of a row.

        Returns:
            The error.
        """
        cause = (
            "a part of the labels of a row is missing (NaN), which a loss of your own has to leave out itself: only "
            "rows without any label are"
            if partly_missing
            else "the learning rate may be too high (lower optimizer.lr, or set gradient_clip=1), or the data holds "
            "values that are not finite"
        )
        return cls(f"the {what} became NaN or infinite at step {step}: {cause}")


class LossMeter(nn.Module):
    """Running means of the task losses, kept on the device.

    Losses of many steps are added up at once: per step this would cost as much as a small layer. A checkpoint holds
    nothing of it.

    Args:
        names: of the K tasks.

    Attributes:
        last_means: what :meth:`mean_since_last_call` returned last.
        partly_missing: whether labels of a task are missing in a part of a training row; asked where a loss is broken.
    """

    recent_sum: Tensor
    recent_steps: Tensor
    epoch_sum: Tensor
    epoch_steps: Tensor
    bad_step: Tensor
    bad_weights: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        for name in ("recent_sum", "recent_steps", "epoch_sum", "epoch_steps"):
            self.register_buffer(name, torch.zeros(len(names)), persistent=False)
        self.register_buffer("bad_step", torch.full((len(names),), NEVER), persistent=False)
        self.last_means: dict[str, float] = {}
        self.partly_missing: Callable[[str], bool] = lambda task: False
        self.register_buffer("bad_weights", torch.tensor(NEVER), persistent=False)
        self._weights: list[tuple[int, Tensor]] = []  # optimizer step, and its weights [K]
        # Optimizer step, tasks with labels, share of the step and losses [K] of what is not yet counted
        self._seen: list[tuple[int, tuple[int, ...], float, Tensor]] = []

    def add(self, step: int, tasks: tuple[int, ...], share: float, losses: Tensor) -> None:
        """Add the losses of one batch.

        Args:
            step: the optimizer step it belongs to.
            tasks: numbers of the tasks with labels in that step.
            share: of the step that the batch is.
            losses: ``[K]``, whose mean over the batches is the loss of the step.
        """
        self._seen.append((step, tasks, share, losses))
        if len(self._seen) == AT_ONCE:
            self._count()

    def add_weights(self, step: int, weights: Tensor) -> None:
        """Look at the weights that a weighting has made of the losses of a step, which are its own.

        Args:
            step: the optimizer step.
            weights: ``[K]``.
        """
        self._weights.append((step, weights))
        if len(self._weights) == AT_ONCE:
            self._look_at_weights()

    def _look_at_weights(self) -> None:
        if self._weights:
            steps, weights = zip(*self._weights, strict=True)
            self._weights = []
            when = torch.tensor(steps, device=self.bad_weights.device)
            broken = torch.where(torch.stack(weights).isfinite().all(1), NEVER, when).amin()
            self.bad_weights.copy_(torch.minimum(self.bad_weights, broken))

    def check_finite(self, weighting: str = "the weighting") -> None:
        """Raise :class:`Diverged` if a loss, or a weight, of an earlier step was not finite, on whichever process.

        Args:
            weighting: what weighs the losses is called.
        """
        self._count()
        self._look_at_weights()
        *steps, weighed = least_over_processes(torch.cat([self.bad_step, self.bad_weights.view(1)])).tolist()
        step, name = min(zip(steps, self.names, strict=True), key=lambda pair: pair[0])
        if weighed < step:  # of losses that were finite
            raise Diverged(f"{weighting}.forward {NOT_FINITE}: at step {weighed}")
        if step != NEVER:
            raise Diverged.at(step, f"loss of task '{name}'", self.partly_missing(name))

    def mean_since_last_call(self) -> dict[str, float]:
        """Mean loss of each task since the last call, over all processes; tasks not seen since then are left out."""
        means = self._means(self.recent_sum, self.recent_steps).tolist()
        self.last_means = {name: value for name, value in zip(self.names, means, strict=True) if value == value}
        return self.last_means

    def epoch_mean(self) -> Tensor:
        """Mean losses ``[K]`` since the last call, over all processes; NaN for a task not seen since then."""
        return self._means(self.epoch_sum, self.epoch_steps)

    def _means(self, total: Tensor, steps: Tensor) -> Tensor:
        self._count()
        means = mean_over_processes(total.clone()) / steps
        total.zero_()
        steps.zero_()
        return means

    def _count(self) -> None:
        if not self._seen:
            return
        steps, tasks, shares, losses = zip(*self._seen, strict=True)
        self._seen = []
        device = self.bad_step.device
        present = torch.zeros(len(steps), len(self.names))
        for row, indices, share in zip(present, tasks, shares, strict=True):
            row[list(indices)] = share
        present = present.to(device)
        seen = torch.stack(losses)  # [steps, K]
        for total, count in ((self.recent_sum, self.recent_steps), (self.epoch_sum, self.epoch_steps)):
            total += (seen.nan_to_num() * present).sum(0)
            count += present.sum(0)
        when = torch.tensor(steps, device=device).unsqueeze(1)  # [steps, 1]
        broken = torch.where(seen.isfinite(), NEVER, when).amin(0)
        self.bad_step.copy_(torch.minimum(self.bad_step, broken))
