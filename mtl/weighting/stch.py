"""A smooth maximum of the losses, as a preference weighs them."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError
from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption
from mtl.weighting.state.preference import Preference


class STCH(LossWeighting):
    """Smooth Tchebycheff scalarisation: ``mu log sum_i exp(p_i (L_i - z_i) / mu)``.

    Source: Lin, Zhang, Yang, Liu, Wang, Zhang, "Smooth Tchebycheff Scalarization for Multi-Objective Optimization",
    ICML 2024, https://arxiv.org/abs/2402.19078.

    For ``mu -> 0`` it becomes the largest weighted loss ``max_i p_i (L_i - z_i)``, whose minimum can be any Pareto
    point, also on a front that no weighted sum reaches. The weights are ``p_i softmax_i(p (L - z) / mu)``. Heads get
    the weighted gradient.

    The authors' code for multi-task learning (https://github.com/Xi-L/STCH, ``STCH_MTL``) has another objective, which
    does not depend on the unit of the losses: ``warm_up``. For so many epochs it is ``sum_i q_i log L_i``, with
    ``q = M p`` for the M tasks of a step; afterwards ``M mu log sum_i exp(q_i log(L_i / n_i) / mu)``, with the mean
    losses ``n_i`` of the last epoch of the warm-up. The weights are ``q_i / L_i``, and then
    ``M q_i softmax_i(q log(L / n) / mu) / L_i``. It needs :meth:`on_epoch_end`.

    Deviations: by default the losses themselves are compared, as in the paper's formula. With ``warm_up``: the authors'
    code has equal preferences (``q_i = 1``) and adds 1e-20 to the losses; here a task whose loss is 0 or below is left
    out of the step. One without labels in the last epoch of the warm-up takes the next epoch's mean loss for ``n_i``,
    and until then counts as standing at it. The authors' ``warmup_epoch`` of 4 is 5 epochs here: theirs starts at 0.

    Args:
        num_tasks: K.
        mu: smoothness, above 0, in the unit of the losses.
        preference: p by task or in order; divided by its sum. Default equal.
        ideal: z, the least attainable loss by task or in order, after ``normalise``. Default 0.
        warm_up: epochs of sums of logarithms, at least 1; None compares the losses themselves from the beginning.
        normalise: see :class:`~mtl.weighting.base.Weighting`.

    Raises:
        InputError: a number out of range; ``ideal`` or ``normalise`` together with ``warm_up``.
    """

    epochs: Tensor
    reached: Tensor

    def __init__(
        self,
        num_tasks: int,
        mu: float = 1.0,
        preference: PerTaskNumbers = None,
        ideal: PerTaskNumbers = None,
        warm_up: int | None = None,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("mu", mu, above=0)
        self.mu = mu
        self.preference = Preference(num_tasks, preference)
        self.ideal = PerTaskOption("weighting.ideal", num_tasks, ideal, default=0.0, all_zero=True)
        self.warm_up = warm_up
        if warm_up is None:
            return
        check_number("warm_up", warm_up, whole=True, least=1)
        for option, given, free in (("ideal", ideal, None), ("normalise", normalise, "none")):
            if given != free:
                raise InputError(
                    f"weighting.{option}={given} together with weighting.warm_up: expected one of them, as the latter "
                    "compares logarithms of the losses, which have no unit"
                )
        self.needs_positive_losses = True
        self.register_buffer("epochs", torch.zeros(()))  # that have passed
        self.register_buffer("reached", torch.full((num_tasks,), torch.nan))  # n

    @override
    def on_epoch_end(self, losses: Tensor) -> None:
        """Count the epochs of the warm-up, and remember the mean losses of its last one."""
        if self.warm_up is None:
            return
        losses = self._of_every_task(losses, "on_epoch_end").to(self.reached)
        self.epochs += 1
        if int(self.epochs) >= self.warm_up:
            usable = self.reached.isnan() & (losses > 0) & losses.isfinite()
            self.reached.copy_(torch.where(usable, losses, self.reached))

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        if self.warm_up is not None:
            return self._of_logarithms(losses, tasks, int(self.epochs) < self.warm_up)
        excess = self.preference.shares(tasks) * (losses - self.ideal.select(tasks))
        return self.mu * torch.logsumexp(excess / self.mu, 0)

    def _of_logarithms(self, losses: Tensor, tasks: Tensor, warming_up: bool) -> Tensor:
        q = len(tasks) * self.preference.shares(tasks)
        if warming_up:
            return (q * losses.log()).sum()
        reached = self.reached[tasks]
        reached = torch.where(reached.isnan(), losses.detach(), reached)
        return len(tasks) * self.mu * torch.logsumexp(q * (losses / reached).log() / self.mu, 0)
