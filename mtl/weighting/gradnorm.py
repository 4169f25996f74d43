"""Weights that bring the task gradients to a common size and the tasks to a common pace."""

import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.weighting.base import GradientWeighting

ROUNDING = 1e-5


class GradNorm(GradientWeighting):
    """Gradient normalisation: tasks that learn slowly get larger gradients.

    Source: Chen, Badrinarayanan, Lee, Rabinovich, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
    Multitask Networks", ICML 2018, https://arxiv.org/abs/1711.02257.

    Symbols: ``W`` the last shared layer, ``G_i = w_i |grad_W L_i|``, ``G`` their mean, ``r_i`` the relative inverse
    training rate: ``L_i(t) / L_i(0)`` divided by its mean over the tasks. The step uses the weights ``w``; then they
    take a step of their own down the gradient of ``sum_i |G_i - G r_i^alpha|`` (targets held constant) and are
    renormalised to sum K. Heads get the weighted gradient.

    Deviations:
        - the weights' own step is plain gradient descent on ``sum_i |G_i - target_i| / G``: dividing by the mean norm
          makes the step independent of the unit of the losses (the paper leaves the optimizer open);
        - weights are kept at ``floor`` or above, since a step may cross zero and a negative weight would ascend a loss;
        - ``L_i(0)`` is the first loss seen of task i, which the paper advises against only for sharply unstable starts;
        - a task without labels in a step keeps its weight, and the others are renormalised among themselves.

    Args:
        num_tasks: K.
        alpha: strength of the pull towards a common pace, 0 or more; 0 only equalises gradient norms.
        lr: step of the weights.
        floor: least weight before renormalisation.
        at, normalise: see :class:`~mtl.weighting.base.GradientWeighting`; the paper's choice is the last shared layer.
    """

    weights: Tensor
    initial_losses: Tensor

    def __init__(
        self,
        num_tasks: int,
        alpha: float = 1.5,
        lr: float = 0.025,
        floor: float = 1e-3,
        at: str = "last_shared",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        if alpha < 0 or lr <= 0 or not 0 < floor < 1:
            raise InputError(
                f"weighting.alpha={alpha}, lr={lr}, floor={floor}: expected alpha >= 0, lr > 0, 0 < floor < 1"
            )
        self.alpha, self.lr, self.floor = alpha, lr, floor
        self.register_buffer("weights", torch.ones(num_tasks))
        self.register_buffer("initial_losses", torch.full((num_tasks,), torch.nan))

    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        first = self.initial_losses[tasks].isnan()
        self.initial_losses[tasks] = torch.where(first, losses, self.initial_losses[tasks])
        weights = self.weights[tasks]  # [M], those of this step
        norms = gramian.diagonal().clamp(min=0).sqrt()  # |grad_W L_i|
        scaled = weights * norms  # G_i
        mean = scaled.mean()
        # A loss that starts at 0 has nothing to lose: it counts as being on pace
        pace = torch.where(self.initial_losses[tasks] > 0, losses / self.initial_losses[tasks], torch.ones_like(losses))
        rate = pace / pace.mean()  # r_i
        target = mean * rate**self.alpha
        distance = scaled - target
        # What is nearer than rounding has arrived: its sign would be noise
        slope = torch.where(distance.abs() > ROUNDING * mean, distance.sign(), 0.0) * norms / mean
        usable = slope.isfinite().all()  # all gradients zero, or a loss of 0 everywhere: nothing to balance
        moved = (weights - self.lr * torch.where(usable, slope, torch.zeros_like(slope))).clamp(min=self.floor)
        self.weights[tasks] = moved * (weights.sum() / moved.sum())
        return weights
