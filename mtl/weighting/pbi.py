"""Progress along a preferred direction, and a penalty for leaving it."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number
from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption
from mtl.weighting.state.preference import Preference


class PBI(LossWeighting):
    """Penalty-based boundary intersection: ``d_1 + theta d_2``.

    Source: Zhang and Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", IEEE Transactions on
    Evolutionary Computation 11(6), 2007, https://doi.org/10.1109/TEVC.2007.892759.

    With the unit vector ``u = p / |p|`` of the preference, ``d_1 = (L - z)'u`` is the distance along it and
    ``d_2 = |L - z - d_1 u|`` the distance from it. Heads get the weighted gradient. A loss below its share may get a
    negative weight: the method would rather have it rise than leave the preferred direction.

    Args:
        num_tasks: K.
        theta: price of leaving the direction, 0 or more.
        preference: p by task or in order. Default equal.
        ideal: z, the least attainable loss by task or in order, after ``normalise``. Default 0.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    def __init__(
        self,
        num_tasks: int,
        theta: float = 1.0,
        preference: PerTaskNumbers = None,
        ideal: PerTaskNumbers = None,
        normalise: str = "none",
    ) -> None:
        super().__init__(num_tasks, normalise)
        check_number("theta", theta, least=0)
        self.theta = theta
        self.preference = Preference(num_tasks, preference)
        self.ideal = PerTaskOption("weighting.ideal", num_tasks, ideal, default=0.0, all_zero=True)

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        excess = losses - self.ideal.select(tasks)
        u = self.preference.shares(tasks)
        u = u / u.norm()
        along = excess @ u
        across = excess - along * u
        # The norm has no gradient at 0; relative to the losses, so that their unit does not matter
        floor = torch.finfo(losses.dtype).eps * excess.detach().abs().max() + torch.finfo(losses.dtype).tiny
        away = torch.linalg.vector_norm(torch.cat([across, floor[None]]))
        objective: Tensor = along + self.theta * away
        return objective
