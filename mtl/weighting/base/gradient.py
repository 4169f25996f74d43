"""From the Gramian of the task gradients to weights."""

from abc import abstractmethod
from functools import partial

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.distributed import processes
from mtl.errors import InputError, unknown
from mtl.gradients.accumulate import add_weighted_gradient
from mtl.gradients.gramian import all_finite, gramian_of
from mtl.gradients.linear_layers import find_linear
from mtl.weighting.base.contract import Weighting
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.made import check_finite_made, check_made
from mtl.weighting.base.paths.compared import update_from_compared
from mtl.weighting.base.paths.comparison import blocks_of_call, parameters_outside
from mtl.weighting.base.paths.full import update_from_full_gradients
from mtl.weighting.base.paths.linear_layers import update_from_linear_layers
from mtl.weighting.base.paths.representation import update_from_representation
from mtl.weighting.base.step import WHOLE_STEP, Call, Step

PLACES = ("parameters", "last_shared", "representation")


class GradientWeighting(Weighting):
    """A weighting that compares the task gradients through their Gramian.

    ``forward(gramian [M, M], losses [M], tasks [M]) -> weights [M]``; the update is ``sum_i w_i grad L_i``. It is not
    called when the Gramian is not finite: the weights are then NaN, as the gradients are.

    Args:
        num_tasks: K.
        at: where gradients are compared. ``parameters``: all shared parameters, exact; ``last_shared``: the last shared
            layer, K short passes and one whole, or K whole ones where the layer is most of what is shared;
            ``representation``: the last shared tensors, K passes through what is private and one through the rest. The
            latter two are other Gramians, cheaper and not the same.
        normalise: see :class:`Weighting`.

    Attributes:
        weights_private: private parameters get their task's gradient times its weight, as the gradient of
            ``sum_i w_i L_i`` has it; False gives them the plain gradient.
    """

    needs_shared = True
    weights_private = True

    def __init__(self, num_tasks: int, at: str = "parameters", normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        if at not in PLACES:
            raise unknown("weighting.at", at, PLACES)
        self.at = at
        self.needs_representation = at == "representation"
        self._frontier_memory = GradientMemory()

    @abstractmethod
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        """Gramian of the task gradients to weights.

        Args:
            gramian: ``[M, M]``.
            losses: ``[M]``.
            tasks: indices ``[M]`` of these tasks.

        Returns:
            The weights ``[M]``.
        """

    def private_factors(self, weights: Tensor, tasks: Tensor) -> Tensor:
        """Factors ``[M]`` of the private gradients.

        Args:
            weights: ``[M]``, those that :meth:`forward` gave.
            tasks: indices ``[M]`` of these tasks.

        Returns:
            The weights, or ones where private parameters get the plain gradient.
        """
        return weights if self.weights_private else torch.ones_like(weights)

    def on_weights(self, weights: Tensor, tasks: list[int]) -> None:
        """Called with the effective weights ``[M]`` of every solve. Default: no-op."""

    def cached_weights(self, call: Call) -> Tensor | None:
        """Effective weights ``[M]`` for this step that need no solve: one weighted pass is enough. Default: None."""
        return None

    @override
    def _check_first_call(self, call: Call) -> None:
        super()._check_first_call(call)
        if self.at == "last_shared" and not {id(p) for p in call.layer} <= {id(p) for p in call.shared}:
            raise InputError("layer: expected parameters that are shared, and got some that are not")
        if self.at == "last_shared" and not call.layer:
            raise InputError(
                "weighting.at=last_shared: the last shared layer has no parameters that are trained, so no gradients "
                "could be compared: take at=parameters"
            )

    @override
    def _update(self, call: Call) -> Tensor | None:
        with torch.no_grad():
            weights = self.cached_weights(call)
            if weights is not None:
                add_weighted_gradient(call.losses, weights * (call.step.scale / call.step.batches), call.parameters)
                return weights
            solve = partial(self._solve, call.tasks, call.task_index)
            compared = call.layer if self.at == "last_shared" else call.shared
            # The cheaper paths walk the graph again once the weights are known, so an accumulated step cannot take them
            if call.step.batches > 1:
                return update_from_full_gradients(call, compared, self._memory, self._frontier_memory, solve)
            if self.at == "representation":
                return update_from_representation(call, self._frontier_memory, solve)
            # Products of what the processes have do not add up to those of the joined batch
            operations = find_linear(call.losses, compared) if processes() == 1 else []
            if self.at == "last_shared":
                if not operations and is_most_of(compared, call):
                    return update_from_full_gradients(call, compared, self._memory, self._frontier_memory, solve)
                return update_from_compared(call, compared, operations, self._memory, solve)
            if len(blocks_of_call(call, parameters_outside(operations, compared))) > 1:
                return update_from_compared(call, compared, operations, self._memory, solve)
            if operations:
                return update_from_linear_layers(call, operations, self._memory, solve)
            return update_from_full_gradients(call, compared, self._memory, self._frontier_memory, solve)

    def solve(self, jacobian: Tensor, losses: Tensor, step: Step = WHOLE_STEP) -> tuple[Tensor, Tensor]:
        """The weights of a step, for a caller that takes and writes the gradients itself.

        Args:
            jacobian: the M tasks' gradients where they are compared, ``[M, P]``.
            losses: ``[M]``, without a graph.
            step: says which tasks these are.

        Returns:
            Weights ``[M]`` of the shared gradients, and factors ``[M]`` of the private ones.
        """
        tasks = step.present(self.num_tasks)
        return self._solve(tasks, self._task_index(tasks, losses.device), gramian_of(jacobian), losses)

    def _solve(self, tasks: list[int], index: Tensor, gramian: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``[M]`` and the factors ``[M]`` of the private gradients; ``index`` is ``tasks`` as a tensor."""
        self._record_gramian(gramian.clone(), tasks)  # a method of its own may change what it is given
        scales = None
        if self.normalise != "none":
            scales = self._scales(losses, tasks, gramian.diagonal().clamp(min=0).sqrt())
        if not all_finite(gramian):
            weights = torch.full_like(losses, torch.nan)
            return weights, weights
        if scales is None:
            weights = self._made(self(gramian, losses, index), losses)
            factors = self.private_factors(weights, index)
        else:
            weights = self._made(self(gramian / torch.outer(scales, scales), losses / scales, index), losses)
            weights, factors = weights / scales, self.private_factors(weights, index) / scales
        self.on_weights(weights, tasks)
        return weights, factors

    def _made(self, weights: Tensor, losses: Tensor) -> Tensor:
        """The weights in the precision of the losses. InputError where there is not one of each of these."""
        check_made(self, weights, (len(losses),), "a weight of each task")
        check_finite_made(self, weights)
        return weights.to(losses)


def is_most_of(compared: list[Parameter], call: Call) -> bool:
    """Whether passes to these parameters are so long that M whole ones are less than M to them and a whole one.

    By numbers of parameters: M short passes and a whole one are less where the short ones go through less than
    ``(M - 1) / M`` of what is shared. False where all shared gradients of all tasks would not leave room in memory.
    """
    tasks, shared = len(call.tasks), sum(p.numel() for p in call.shared)
    if sum(p.numel() for p in compared) * tasks < shared * (tasks - 1):
        return False
    return len(blocks_of_call(call, call.shared)) == 1
