"""The Nash bargaining solution of the task gradients."""

from math import sqrt

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import Call, GradientWeighting, check_number
from mtl.weighting.solvers.nash_bargaining import nash_bargaining
from mtl.weighting.solvers.quadratic import array


class NashMTL(GradientWeighting):
    """Nash bargaining: ``d = J'w`` with ``G w = 1 / w``, ``w > 0``: the product of the gains ``g_i'd`` is largest.

    Source: Navon, Shamsian, Achituve, Maron, Kawaguchi, Chechik, Fetaya, "Multi-Task Learning as a Bargaining Game",
    ICML 2022, https://arxiv.org/abs/2202.01017.

    Multiplying a loss by a number changes nothing in the direction. The solution has ``|d|^2 = K`` whatever the
    gradients, and is then cut to ``max_norm``, as in the authors' code. Heads get the weighted gradient, as there.

    Deviations:
        - the equation is solved by damped Newton steps to 1e-9, not by a sequence of convex programs;
        - G is taken as it is. The authors' code divides it by its Frobenius norm n and demands
          ``w_i n (G / n w)_i >= 1``, which is the same equation: its updates have the same length. As that is constant,
          plain gradient descent needs a falling learning rate to settle (Adam hardly notices the difference);
        - the cut applies to the weights, so to the heads too; the authors' code cuts what is shared alone. As the
          length before the cut is the same in every step, for heads that is one constant factor;
        - at Pareto-stationary points, where the equation has no solution, each diagonal element of G counts a millionth
          more. A task whose gradient on the shared parameters is zero gets the mean of the other weights.

    Args:
        num_tasks: K.
        max_norm: largest length of d, 0 for no limit.
        update_every: optimizer steps between two solves; in between the last weights serve, at the cost of equal
            weighting. The first step of a task is solved for in any case.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    weights: Tensor
    age: Tensor

    def __init__(
        self,
        num_tasks: int,
        max_norm: float = 1.0,
        update_every: int = 1,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("max_norm", max_norm, least=0)
        check_number("update_every", update_every, whole=True, least=1)
        self.max_norm, self.update_every = max_norm, update_every
        self.register_buffer("weights", torch.full((num_tasks,), torch.nan if update_every > 1 else 1.0))
        self.register_buffer("age", torch.tensor(0))  # steps since the last solve; 0: one is due

    @override
    def cached_weights(self, call: Call) -> Tensor | None:
        """The last weights, unless they have served long enough, or there is none yet of a task."""
        if self.update_every == 1 or int(self.age) == 0:
            return None
        if bool(self.weights[call.tasks].isnan().any()):  # a task that no solve has looked at
            return None
        if call.step.last:
            self.age.copy_((self.age + 1) % self.update_every)
        return self.weights[call.tasks]

    @override
    def on_weights(self, weights: Tensor, tasks: list[int]) -> None:
        """Remember the weights for the next steps."""
        if self.update_every > 1:
            self.weights[tasks] = weights
            self.age.fill_(1)

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        weights = nash_bargaining(gramian)
        if self.max_norm > 0:
            w = array(weights)
            square = float(w @ array(gramian) @ w)  # |d|^2
            if square > self.max_norm**2:
                weights = weights * (self.max_norm / sqrt(square))
        return weights
