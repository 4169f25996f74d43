"""From the task gradients themselves to a direction."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from mtl.errors import InputError
from mtl.gradients.gramian import all_finite, gramian_of
from mtl.weighting.base.contract import Weighting
from mtl.weighting.base.made import check_finite_made, check_made
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_update


class DirectionWeighting(Weighting):
    """A weighting that looks at the task gradients number by number, and not only through their Gramian.

    ``forward(jacobian [M, P], losses [M], tasks [M]) -> (direction [P], weights [M])``: the direction goes to the
    shared parameters; private parameters get their task's gradient times its weight, which is also what is reported.
    ``forward`` may change the Jacobian in place. It is not called when a gradient is not finite: the direction is then
    NaN.
    """

    needs_shared = True

    @abstractmethod
    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Task gradients to a direction.

        Args:
            jacobian: ``[M, P]``, one task gradient per row.
            losses: ``[M]``.
            tasks: indices ``[M]`` of these tasks.

        Returns:
            The direction ``[P]``, and the weights ``[M]`` of the private gradients.
        """

    def _direction(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Direction ``[P]`` and weights ``[M]``, of those losses that the method is defined for."""
        usable = self._usable(losses, tasks)
        if usable is None:
            return self._made(jacobian, losses, tasks)
        direction, all_weights = torch.zeros_like(jacobian[0]), torch.zeros_like(losses)
        if len(usable):
            direction, weights = self._made(jacobian[usable], losses[usable], tasks[usable])
            all_weights[usable] = weights
        return direction, all_weights

    def _made(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """What :meth:`forward` makes. InputError where these are not what it promises."""
        made: Any = self(jacobian, losses, tasks)
        if not isinstance(made, tuple) or len(made) != 2:
            what = "expected a direction and the weights of the tasks"
            raise InputError(f"{type(self).__name__}.forward gives a {type(made).__name__}: {what}")
        direction, weights = made
        check_made(self, direction, (jacobian.shape[1],), "a direction")
        check_made(self, weights, (len(losses),), "with it a weight of each task")
        check_finite_made(self, direction, weights)
        return self._apart(direction, jacobian), weights

    def _apart(self, direction: Tensor, jacobian: Tensor) -> Tensor:
        """The direction in memory of its own: ``.grad`` becomes a view of it, and is changed by whoever clips it.

        The next step writes over the Jacobian, of which it may be a row, and a method may keep it in a buffer.
        """
        place = direction.untyped_storage().data_ptr()
        kept = (jacobian, *self.buffers(), *self.parameters())
        if any(one.untyped_storage().data_ptr() == place for one in kept):
            return direction.clone()
        return direction

    @override
    def _update(self, call: Call) -> Tensor | None:
        gathered = self._memory.gather(call.losses, call.shared, call.private, call.step)
        if gathered is None:
            return None
        with torch.no_grad():
            gramian = gramian_of(gathered.jacobian)
            self._record_gramian(gramian, call.tasks)
            scales = None
            if self.normalise != "none":
                scales = self._scales(gathered.losses, call.tasks, gramian.diagonal().clamp(min=0).sqrt())
            if not all_finite(gramian):
                direction = torch.full_like(gathered.jacobian[0], torch.nan)
                weights = torch.full_like(gathered.losses, torch.nan)
            elif scales is None:
                direction, weights = self._direction(gathered.jacobian, gathered.losses, call.task_index)
            else:
                gathered.jacobian /= scales[:, None]
                direction, weights = self._direction(gathered.jacobian, gathered.losses / scales, call.task_index)
                weights = weights / scales
        write_update(call, direction, gathered, weights)
        return weights
