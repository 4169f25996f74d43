"""Weights under which all losses fall at the same rate, found without comparing gradients."""

from collections.abc import Callable

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.adam import Adam
from mtl.weighting.state.task_values import select_tasks


class FAMO(LossWeighting):
    """Fast adaptive multitask optimisation: the logarithms of all losses fall by the same amount per step.

    Source: Liu, Feng, Stone, Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023,
    https://arxiv.org/abs/2306.03792.

    With ``z = softmax(xi)`` the objective is ``c sum_i z_i log L_i``, ``c = 1 / sum_i (z_i / L_i)`` held constant, so
    that the weights are ``c z_i / L_i`` and sum to 1. After the optimizer's step the losses of the same rows are
    computed once more, and ``xi`` takes a step down ``J_softmax' (log L_before - log L_after) + decay xi``. That costs
    one more forward pass and no gradient per task. Heads get the weighted gradient. A task whose loss is 0 or
    below is left out of the step.

    The step on ``xi`` is Adam's, as in the authors' code (the paper's algorithm writes a plain step).

    Deviation: the smallest attainable loss is taken as 0, the authors' default. Outside the framework call
    ``weighting.after_step(recompute)`` after ``optimizer.step()``; without it the weights stay at ``c / (K L_i)``.

    Args:
        num_tasks: K.
        lr: step of xi.
        decay: pull of xi towards 0.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    needs_recomputed_losses = True
    needs_positive_losses = True
    logits: Tensor
    before: Tensor
    units: Tensor

    def __init__(self, num_tasks: int, lr: float = 0.025, decay: float = 1e-3, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("lr", lr, above=0)
        check_number("decay", decay, least=0)
        self.decay, self.adam = decay, Adam(num_tasks, lr)
        self.register_buffer("logits", torch.zeros(num_tasks))  # xi
        self.register_buffer("before", torch.full((num_tasks,), torch.nan))  # NaN: not in the last step
        self.register_buffer("units", torch.ones(num_tasks))  # what the losses of the last step were divided by

    @override
    def _scales(self, losses: Tensor, tasks: list[int], norms: Tensor | None = None) -> Tensor:
        """Remembered: after the step the losses are compared in the same units."""
        scales = self.units[tasks] = super()._scales(losses, tasks, norms)
        return scales

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        self.before.fill_(torch.nan)
        self.before[tasks] = losses.detach()
        log = losses.log()
        share = torch.softmax(select_tasks(self.logits, tasks), 0)
        # c z_i / L_i in logarithms, since 1 / L overflows for tiny losses
        weights = torch.softmax(share.log() - log.detach(), 0)
        return (weights * log * log.detach().exp()).sum()

    @torch.no_grad()
    @override
    def after_step(self, recompute: Callable[[], Tensor]) -> None:
        """Compare the losses before and after the step, and move xi."""
        after = self._of_every_task(recompute(), "after_step").to(self.before) / self.units
        fall = self.before.log() - after.log()
        present = fall.isfinite() & (after > 0)
        self.before.fill_(torch.nan)
        if not bool(present.any()):
            return
        share = torch.softmax(self.logits.masked_fill(~present, -torch.inf), 0)
        fall = torch.where(present, fall, torch.zeros_like(fall))
        slope = share * (fall - (share * fall).sum()) + self.decay * self.logits
        slope = torch.where(present, slope, torch.zeros_like(slope))
        self.logits -= torch.where(present, self.adam.step(slope), torch.zeros_like(slope))
