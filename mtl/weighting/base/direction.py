"""From the task gradients themselves to a direction."""

from abc import abstractmethod

import torch
from torch import Tensor

from mtl.gradients.task_gradients import all_finite, gramian_of
from mtl.weighting.base.contract import Call, Weighting


class DirectionWeighting(Weighting):
    """A weighting that looks at the task gradients number by number, and not only through their Gramian.

    ``forward(jacobian [M, P], losses [M], tasks [M]) -> (direction [P], weights [M])``: the direction goes to the
    shared parameters; private parameters get their task's gradient times its weight, which is also what is reported.
    The Jacobian is the method's to change. It is not asked when a gradient is not finite: the direction is then NaN.
    """

    needs_shared = True

    @abstractmethod
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Task gradients and losses of the tasks numbered ``tasks [M]`` to a direction and the private gradients'
        weights.
        """

    def _update(self, call: Call) -> Tensor | None:
        gathered = self._gather(call, call.shared)
        if gathered is None:
            return None
        with torch.no_grad():
            gramian = gramian_of(gathered.jacobian)
            self._saw(gramian, call.tasks)
            scales = None
            if self.normalise != "none":
                scales = self._scales(gathered.losses, call.tasks, gramian.diagonal().clamp(min=0).sqrt())
            if not all_finite(gramian):
                direction = torch.full_like(gathered.jacobian[0], torch.nan)
                weights = torch.full_like(gathered.losses, torch.nan)
            elif scales is None:
                direction, weights = self(gathered.jacobian, gathered.losses, call.numbers)
            else:
                gathered.jacobian /= scales[:, None]
                direction, weights = self(gathered.jacobian, gathered.losses / scales, call.numbers)
                weights = weights / scales
        self._write(call, direction, gathered, weights)
        return weights
