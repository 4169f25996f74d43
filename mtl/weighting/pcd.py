"""The primary task's gradient, turned as little as the others need."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import without_effect
from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.quadratic import Array, array, nonnegative_qp, scaled, tensor
from mtl.weighting.state.per_task_option import PerTaskOption, check_several

USUAL = {"tau": 0.02, "beta": 0.999, "eps": 1e-8}  # where nothing is said
UNMET = 1e-6  # of the largest squared length: a condition that is missed by more cannot be met


class PCD(GradientWeighting):
    """Priority-constrained descent: a primary task first, and some progress for each of the others.

    Source: Varam and AlHajri, "Not All Objectives Are Born Equal: Priority-Constrained Descent for Hierarchical
    Multi-Objective Optimization", TMLR 2026, https://arxiv.org/abs/2606.29521.

    ``d = argmin 1/2 |d - s_0 g_0|^2`` subject to ``s_j g_j'd >= tau |s_j g_j|^2`` for every other task j, stretched to
    the length of ``g_0``, the gradient of the primary task. ``s_i = 1 / sqrt(v_i + eps)``, where ``v_i`` is the moving
    average of ``|g_i|^2`` with memory beta, corrected for its start: tau is a share of the progress that the task's own
    scaled gradient would make. Where the conditions exclude one another ``d = g_0``; where ``g_0 = 0`` or d is 0,
    nothing shared moves. Heads get the plain gradient: only what is shared can conflict.

    Deviations:
        - several primary tasks are one: their losses are added. Without other tasks these are equal weights;
        - the problem is solved in the Gramian by block pivoting; TorchJD has a dual active-set method, the authors try
          every set of active conditions. The minimum is the same;
        - ``v_i`` counts, for each task, the steps that it took part in. A step without labels of a primary task moves
          nothing that is shared.

    Args:
        num_tasks: K.
        primary: names of the tasks that come first; None means all.
        tau: share of the progress that each other task gets at least, 0 to 1.
        beta: memory of the moving averages, 0 (none) up to 1 (not included).
        eps: added to the moving averages, 0 or more.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.

    Raises:
        InputError: a number out of range; one that has no effect, as no task is primary.
    """

    weights_private = False
    squares: Tensor
    counts: Tensor
    primary_square: Tensor
    primary_count: Tensor

    def __init__(
        self,
        num_tasks: int,
        primary: Sequence[str] | None = None,
        tau: float = USUAL["tau"],
        beta: float = USUAL["beta"],
        eps: float = USUAL["eps"],
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("tau", tau, least=0, most=1)
        check_number("beta", beta, least=0, below=1)
        check_number("eps", eps, least=0)
        self.tau, self.beta, self.eps = tau, beta, eps
        check_several("weighting.primary", primary, "a list of task names")
        named = dict.fromkeys(primary or (), 1.0)
        for option, value in {"tau": tau, "beta": beta, "eps": eps}.items():
            if not named and value != USUAL[option]:
                raise without_effect(f"weighting.{option}", value, "weighting.primary=[<task>, ...]")
        self.primary = PerTaskOption("weighting.primary", num_tasks, named or None, default=0.0 if named else 1.0)
        self.register_buffer("squares", torch.zeros(num_tasks))  # moving averages of |g_j|^2
        self.register_buffer("counts", torch.zeros(num_tasks))  # steps in them
        self.register_buffer("primary_square", torch.zeros(()))
        self.register_buffer("primary_count", torch.zeros(()))

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        first = array(self.primary.select(tasks)) > 0
        rows = np.concatenate([first[None], np.eye(len(first))[~first]])  # the primary objective, the other tasks
        products = rows @ array(gramian) @ rows.T
        others = tasks[torch.from_numpy(~first).to(tasks.device)]
        lengths = self._lengths(products.diagonal(), others, bool(first.any()))
        scales = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1.0), 0.0)
        unit = products * np.outer(scales, scales)
        weights = np.concatenate([[1.0], self._multipliers(unit)])
        square, size = float(weights @ unit @ weights), float(weights @ np.sqrt(unit.diagonal().clip(min=0))) ** 2
        if products[0, 0] > 0 and square > 10 * torch.finfo(gramian.dtype).eps * size:
            weights *= scales * np.sqrt(products[0, 0] / square)
        else:
            weights[:] = 0.0
        return tensor(weights @ rows, gramian)

    def _multipliers(self, unit: Array) -> Array:
        """How much of the other tasks' gradients the conditions add.

        Args:
            unit: Gramian ``[1 + S, 1 + S]`` of the scaled gradients, that of the primary objective first.

        Returns:
            ``[S]``; zeros where the conditions exclude one another.
        """
        inner, size = scaled(unit[1:, 1:]) if len(unit) > 1 else (np.zeros((0, 0)), 1.0)
        missed = self.tau * unit.diagonal()[1:] - unit[1:, 0]
        if not (missed > 0).any():
            return np.zeros(len(missed))
        found = nonnegative_qp(inner, -missed / size)
        met = unit[1:, 1:] @ found >= missed - UNMET * float(unit.diagonal().max())
        return found if met.all() else np.zeros(len(missed))

    def _lengths(self, squares: Array, others: Tensor, primary: bool) -> Array:
        """Remember the gradients' lengths in this step.

        Args:
            squares: squared ones ``[1 + S]``, that of the primary objective first.
            others: indices ``[S]`` of the other tasks.
            primary: whether a primary task takes part.

        Returns:
            Typical lengths ``[1 + S]``, those that the gradients are divided by.
        """
        new = tensor(squares.copy(), self.squares).to(self.squares)
        if primary:
            self.primary_square.lerp_(new[0], 1 - self.beta)
            self.primary_count += 1
        self.squares[others] = self.squares[others].lerp(new[1:], 1 - self.beta)
        self.counts[others] += 1
        averages = torch.cat([self.primary_square[None], self.squares[others]])
        counts = torch.cat([self.primary_count[None], self.counts[others]])
        return np.sqrt(array(averages / (1 - self.beta**counts).clamp(min=1e-30)) + self.eps)
