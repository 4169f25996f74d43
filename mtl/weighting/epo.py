"""The Pareto point at which losses are in the ratio that a preference asks for."""

import numpy as np
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import GradientWeighting, check_number
from mtl.weighting.solvers.linear import best_on_simplex
from mtl.weighting.solvers.quadratic import Array, array, comparable, tensor
from mtl.weighting.state.per_task_option import PerTaskNumbers
from mtl.weighting.state.preference import Preference

SMALLEST = 1e-3  # of K l_i, in its logarithm


class EPO(GradientWeighting):
    """Exact Pareto optimal search: down to the Pareto front, where ``p_1 L_1 = ... = p_K L_K``.

    Source: Mahapatra and Rajan, "Multi-Task Learning with User Preferences: Gradient Descent with Controlled Ascent in
    Pareto Optimization", ICML 2020, https://proceedings.mlr.press/v119/mahapatra20a.html.

    With ``l = p L / sum(p L)``, ``l_i`` are off balance by ``mu = sum_i l_i log(K l_i)``, and ``a_i = p_i (log(K l_i) -
    mu)`` are the losses' shares in it: along ``J'a`` the balance is restored fastest. w is on the simplex, ``G = JJ'``:

    - off balance (``mu > tolerance``): w maximises ``w'Ga``. ``(Gw)_j >= (Ga)_j`` where ``(Ga)_j <= 0``, which may let
      loss j rise, and ``(Gw)_j >= 0`` for the largest ``p_j L_j``. Where no ``(Ga)_j`` is above 0, ``Gw >= 0``;
    - on balance: w maximises the sum of ``Gw``, ``Gw >= 0``, ``w'Ga >= min(0, max_j (Ga)_j)``.

    The weights are K w. A preferred task ends with the smaller loss. Heads get the weighted gradient.

    Where the program has no solution, ``w = p / sum p``, as in the authors' code. Deviations: ``K l_i`` below 0.001
    counts as that in the logarithm, a loss below 0 as 0. The rate is not raised with mu, which the authors do for their
    toys.

    Args:
        num_tasks: K.
        preference: p by task or in order, divided by its sum. Default equal.
        tolerance: mu up to which losses count as balanced, 0 or more.
        at: where gradients are compared, see :class:`~mtl.weighting.base.GradientWeighting`.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        preference: PerTaskNumbers = None,
        tolerance: float = 1e-4,
        at: str = "parameters",
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, at, normalise)
        check_number("tolerance", tolerance, least=0)
        self.tolerance = tolerance
        self.preference = Preference(num_tasks, preference)

    @override
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        p, values = array(self.preference.shares(tasks)), array(losses)
        g, units = comparable(array(gramian))
        found = self._weights(p, np.maximum(values, 0.0), g * units, units)
        return tensor(len(p) * (p if found is None else found), gramian)

    def _weights(self, p: Array, losses: Array, g: Array, units: Array) -> Array | None:
        """The weights w; the rows of G are divided by the units, so that the program neglects no condition."""
        weighted = p * losses
        total = float(weighted.sum())
        relative = len(p) * weighted / total if total > 0 else np.ones(len(p))  # K l
        logarithms = np.log(np.maximum(relative, SMALLEST))
        mu = float(relative @ logarithms) / len(p)
        gains = g @ (p * (logarithms - mu))  # Ga, its elements divided by the units
        whole = gains * units
        if mu <= self.tolerance:
            least = np.append(np.zeros(len(p)), min(0.0, float(whole.max())))
            return best_on_simplex((g * units[:, None]).sum(0), np.concatenate([g, whole[None]]), least)
        least = np.zeros(len(p))
        if (gains > 0).any():
            least = np.where(gains > 0, -np.inf, gains)
            least[weighted == weighted.max()] = 0.0
        return best_on_simplex(whole, g, least)
