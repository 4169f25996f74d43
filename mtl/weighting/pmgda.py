"""Towards the preferred ray first, then along it down to the Pareto front."""

import numpy as np
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.linear import best_worst_on_simplex
from mtl.weighting.solvers.quadratic import Array, array, min_norm, tensor
from mtl.weighting.state.per_task_option import PerTaskNumbers
from mtl.weighting.state.preference import Preference

FLAT = 1e-3  # length of the gradient of h, relative to the longest: of Gramians in single precision less is rounding


class PMGDA(GradientWeighting):
    """Preference-based multiple-gradient descent: predict and correct.

    Source: Zhang, Lin, Zhang, "PMGDA: A Preference-based Multiple Gradient Descent Algorithm", 2024,
    https://arxiv.org/abs/2402.09492; formulas as in the authors' code, https://github.com/xzhang2523/libmoon.

    ``h(L) = |L - (L'u) u|`` with the unit vector ``u = p / |p|`` is the distance of the losses from the ray of the
    preference, ``g_h = J'h'`` its gradient with ``h' = dh/dL``.

    - correct, where ``h > tolerance``: ``d = sum_i m_i g_i / |g_i| + m_h g_h / |g_h|`` with m on the simplex such that
      ``g_h'd >= sigma |g_h|``, and the least ``g_i'd`` is as large as can be. So ``w_i = m_i / |g_i| + m_h h'_i /
      |g_h|``;
    - predict, elsewhere: the shortest convex combination of the gradients, as MGDA.

    A preferred task ends with the larger loss: losses are in proportion to p. Weights may be negative. Heads get the
    weighted gradient.

    Deviations: the tolerance is relative to ``|L|``, so that it has no unit (the authors' 0.01 is of the losses
    themselves); sigma is 0.5, where the authors' code has 0.95, with which a correction leaves little to descent
    (``experiments/weightings``); the paper's prediction keeps h as it is besides, the authors' code does not.

    Args:
        num_tasks: K.
        preference: p by task or in order. Default equal.
        sigma: share of the steepest fall of h that a correction makes at least, 0 to 1.
        tolerance: distance from the ray relative to the losses' length up to which they count as on it, 0 or more.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        preference: PerTaskNumbers = None,
        sigma: float = 0.5,
        tolerance: float = 0.01,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("sigma", sigma, least=0, most=1)
        check_number("tolerance", tolerance, least=0)
        self.sigma, self.tolerance = sigma, tolerance
        self.preference = Preference(num_tasks, preference)

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        values, u = array(losses), array(self.preference.shares(tasks))
        u = u / np.linalg.norm(u)
        across = values - (values @ u) * u
        distance, size = float(np.linalg.norm(across)), float(np.linalg.norm(values))
        if distance <= self.tolerance * size:
            return min_norm(gramian)
        found = self._correction(array(gramian), across / distance)
        return min_norm(gramian) if found is None else tensor(found, gramian)

    def _correction(self, gramian: Array, slope: Array) -> Array | None:
        """Weights ``[M]``, with ``h'``, ``[M]``; None where h has no gradient to speak of."""
        rows = np.concatenate([np.eye(len(slope)), slope[None]])
        lengths = np.sqrt((rows * (rows @ gramian)).sum(1).clip(min=0))
        if not lengths[-1] > FLAT * lengths.max():
            return None
        products = rows @ gramian @ (rows / np.where(lengths > 0, lengths, np.inf)[:, None]).T / lengths.max()
        m = best_worst_on_simplex(products[:-1], products[-1], self.sigma * float(products[-1, -1]))
        if m is None:
            return None
        shares = m / np.where(lengths > 0, lengths, np.inf)
        out: Array = shares[:-1] + shares[-1] * slope
        return out
