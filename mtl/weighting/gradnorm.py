"""Weights that bring the task gradients to a common size and the tasks to a common pace."""

from collections.abc import Sequence
from math import nan

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError, unknown, without_effect
from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.state.per_task_option import check_several, plain_numbers
from mtl.weighting.state.task_values import scatter_tasks, select_tasks

STARTS = ("best_constant", "first_batch")


class GradNorm(GradientWeighting):
    """Gradient normalisation: tasks that learn slowly get larger gradients.

    Source: Chen, Badrinarayanan, Lee, Rabinovich, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
    Multitask Networks", ICML 2018, https://arxiv.org/abs/1711.02257.

    Symbols: ``W`` the last shared layer, ``G_i = w_i |grad_W L_i|``, ``G`` their mean, ``r_i`` the relative inverse
    training rate: ``L_i(t) / L_i(0)`` divided by its mean over the tasks. The step uses the weights ``w``; then they
    move towards the minimum of ``sum_i |G_i - G r_i^alpha|``, where every ``G_i`` meets its target, and are
    renormalised to sum K. Heads get the weighted gradient.

    Deviations:
        - the weights' own step is taken in their logarithms: ``log w_i`` moves towards the target by ``lr`` at most.
          The paper leaves the optimizer open. A step of ``w`` itself along the sign of ``G_i - target_i`` is as long
          for a weight of 0.01 as for one of 1: tasks of unlike size, which need small weights, then swing between too
          much and nothing, and a weight may become negative;
        - ``L_i(0)`` is the loss of the best constant prediction of task i (``initial``). The paper takes the first
          loss, and where that depends much on the initial values the loss of an uninformed prediction, ``log C`` for C
          classes. The best constant is that prediction over the labels as they are, for any kind of task;
        - ``r_i`` is of the losses before ``normalise``: a quotient of two losses of one task has no unit;
        - a task whose loss is below 0, now or at the start, counts as being on pace: it has no rate;
        - a task without labels in a step keeps its weight, and the others are renormalised among themselves. One whose
          gradient is zero keeps its weight relative to the others.

    Args:
        num_tasks: K.
        alpha: strength of the pull towards a common pace, 0 or more; 0 only equalises gradient norms. The paper takes
            a value for each problem; the default here is from ``experiments/gradnorm_alpha``.
        lr: largest relative change of a weight in one step.
        initial: what ``L_i(0)`` is. ``best_constant``: what :meth:`on_initial_losses` is told; ``first_batch``: the
            first loss seen of task i, which is also taken where nothing was told of a task.
        initial_losses: ``L_i(0)`` of the K tasks in order, in place of ``initial``.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`. The paper's
            choice is the last shared layer.
        normalise: see :class:`~mtl.weighting.base.Weighting`.

    Raises:
        InputError: a number out of range; an unknown ``initial``, or ``first_batch`` beside initial losses; a wrong
            number of these.
    """

    low_weight_advice = "try a smaller weighting.alpha, or weighting=equal"
    weights: Tensor
    initial_losses: Tensor

    def __init__(
        self,
        num_tasks: int,
        alpha: float = 0.25,
        lr: float = 0.025,
        initial: str = "best_constant",
        initial_losses: Sequence[float] | None = None,
        at: str = "last_shared",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("alpha", alpha, least=0)
        check_number("lr", lr, above=0)
        if initial not in STARTS:
            raise unknown("weighting.initial", initial, STARTS)
        if initial != STARTS[0] and initial_losses is not None:
            raise without_effect("weighting.initial", initial, "weighting.initial_losses=null")
        check_several("weighting.initial_losses", initial_losses, f"a list of {num_tasks} numbers")
        first = [nan] * num_tasks if initial_losses is None else plain_numbers(initial_losses)
        if len(first) != num_tasks:
            raise InputError(f"weighting.initial_losses has {len(first)} values for {num_tasks} tasks")
        for value in first if initial_losses is not None else ():
            check_number("initial_losses", value, least=0)
        self.alpha, self.lr = alpha, lr
        self.needs_initial_losses = initial == "best_constant" and initial_losses is None
        self.register_buffer("weights", torch.ones(num_tasks))
        self.register_buffer("initial_losses", torch.tensor(first, dtype=torch.float32))
        self._unit: list[Tensor] = []  # what normalise divides the losses of this step by, [M]

    @override
    def on_initial_losses(self, losses: Tensor) -> None:
        if self.needs_initial_losses:
            self.initial_losses.copy_(self._of_every_task(losses, "on_initial_losses"))

    @override
    def _scales(self, losses: Tensor, tasks: list[int], norms: Tensor | None = None) -> Tensor:
        self._unit[:] = [super()._scales(losses, tasks, norms)]
        return self._unit[0]

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        if self._unit:
            losses = losses * self._unit[0]
        first = select_tasks(self.initial_losses, tasks)
        first = torch.where(first.isnan(), losses, first)
        scatter_tasks(self.initial_losses, tasks, first)
        weights = select_tasks(self.weights, tasks).clone()  # [M], those of this step
        scaled = weights * gramian.diagonal().clamp(min=0).sqrt()  # G_i
        # A loss that starts at 0 has nothing to lose, and one below 0 is no share of where it began: on pace
        pace = torch.where((first > 0) & (losses >= 0), losses / first, torch.ones_like(losses))
        target = scaled.mean() * (pace / pace.mean()) ** self.alpha
        way = (target.log() - scaled.log()).clamp(-self.lr, self.lr)
        # Without a gradient, or with all losses 0, there is nothing to balance
        usable = (scaled > 0) & way.isfinite()
        moved = weights * torch.where(usable, way, torch.zeros_like(way)).exp()
        scatter_tasks(self.weights, tasks, moved * (weights.sum() / moved.sum()))
        return weights
