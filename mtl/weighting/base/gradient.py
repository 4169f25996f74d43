"""From the Gramian of the task gradients to weights."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge
from torch.nn import Parameter

from mtl.distributed import processes
from mtl.errors import unknown
from mtl.gradients.linear_heads import Readers, find_readers
from mtl.gradients.linear_layers import Linear, find_linear
from mtl.gradients.task_gradients import TaskGradients, add_gradient, add_weighted_gradient, all_finite, gramian_of
from mtl.weighting.base.contract import Call, Weighting

PLACES = ("parameters", "last_shared", "representation")


class GradientWeighting(Weighting):
    """A weighting that compares the task gradients through their Gramian.

    ``forward(gramian [M, M], losses [M], tasks [M]) -> weights [M]``; the update is ``sum_i w_i grad L_i``. It is not
    asked when the Gramian is not finite: the weights are then NaN, as the gradients are.

    Args:
        num_tasks: K.
        at: where gradients are compared. ``parameters``: all shared parameters, exact; ``last_shared``: the last shared
            layer, K short passes and one whole; ``representation``: the last shared tensors, K passes through what is
            each task's own and one through the rest. The latter two are other Gramians, cheaper and not the same.
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

    @abstractmethod
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        """Gramian ``[M, M]`` and losses ``[M]`` of the tasks numbered ``tasks [M]`` to their weights ``[M]``."""

    def own_factors(self, weights: Tensor, tasks: Tensor) -> Tensor:
        """What each task's private gradient is multiplied by, ``[M]``."""
        return weights if self.weights_private else torch.ones_like(weights)

    def keep(self, weights: Tensor, tasks: list[int]) -> None:
        """Told the effective weights ``[M]`` of a solve. By default nothing happens."""

    def kept(self, call: Call) -> Tensor | None:
        """Effective weights ``[M]`` for this step that need no solve: one weighted pass is enough. By default none."""
        return None

    def _update(self, call: Call) -> Tensor | None:
        with torch.no_grad():
            return self._update_in_kind(call)

    def _update_in_kind(self, call: Call) -> Tensor | None:
        weights = self.kept(call)
        if weights is not None:
            add_weighted_gradient(call.losses, weights * (call.step.scale / call.step.batches), call.parameters)
            return weights
        # The short ways walk the graph again once the weights are known, so an accumulated step cannot take them
        if call.step.batches > 1:
            return self._update_whole(call)
        if self.at == "representation":
            return self._update_representation(call)
        watched = call.layer if self.at == "last_shared" else call.shared
        # Products of what the processes have do not add up to those of the joined batch
        large = find_linear(call.losses, watched) if processes() == 1 else []
        if self.at == "last_shared":
            return self._update_layer(call, large)
        return self._update_parameters(call, large) if large else self._update_whole(call)

    def _solve(self, gramian: Tensor, losses: Tensor, call: Call) -> tuple[Tensor, Tensor]:
        """Weights ``[M]`` and the factors ``[M]`` of the private gradients."""
        tasks, numbers = call.tasks, call.numbers
        self._saw(gramian, tasks)
        scales = None
        if self.normalise != "none":
            scales = self._scales(losses, tasks, gramian.diagonal().clamp(min=0).sqrt())
        if not all_finite(gramian):
            weights = torch.full_like(losses, torch.nan)
            return weights, weights
        if scales is None:
            weights = self(gramian, losses, numbers).to(losses)
            factors = self.own_factors(weights, numbers)
        else:
            weights = self(gramian / torch.outer(scales, scales), losses / scales, numbers).to(losses)
            weights, factors = weights / scales, self.own_factors(weights, numbers) / scales
        self.keep(weights, tasks)
        return weights, factors

    def _update_whole(self, call: Call) -> Tensor | None:
        """K passes through everything, gathered over the accumulated batches and the processes, solved once."""
        before = None
        if call.frontier is not None:
            before = self._gather(call, call.frontier.parameters, call.frontier, keep=True)
        gathered = self._gather(call, call.shared)
        if gathered is None:
            return None
        if before is None:
            part = call.layer if self.at == "last_shared" else call.shared
            gramian = gramian_of(columns(gathered.jacobian, call.shared, part))
        else:
            gramian = _together(before)
        weights, factors = self._solve(gramian, gathered.losses, call)
        self._write(call, weights @ gathered.jacobian, gathered, factors)
        return weights

    def _update_parameters(self, call: Call, large: list[Linear]) -> Tensor:
        """K passes through everything, but for the weights of large linear operations: their gradients are compared by
        what they are products of, and only that of the weighted sum is formed.
        """
        gathered, gramian, rest = self._compare(call, call.shared, large)
        weights, factors = self._solve(gramian, gathered.losses, call)
        share = weights * call.step.scale
        for operation, rows in zip(large, gathered.rows, strict=True):
            direction = torch.tensordot(share.to(rows.dtype), rows, 1)
            add_weighted_gradient([operation.edge], [direction], operation.parameters)
        add_gradient(share @ gathered.jacobian, rest)
        self._write_own(call, gathered, factors)
        return weights

    def _update_layer(self, call: Call, large: list[Linear]) -> Tensor:
        """K short passes to the last shared layer, then one through all shared parameters for the weighted sum."""
        gathered, gramian, _ = self._compare(call, call.layer, large)
        weights, factors = self._solve(gramian, gathered.losses, call)
        add_weighted_gradient(call.losses, weights * call.step.scale, call.shared)
        self._write_own(call, gathered, factors)
        return weights

    def _compare(
        self, call: Call, watched: list[Parameter], large: list[Linear]
    ) -> tuple[TaskGradients, Tensor, list[Parameter]]:
        """One pass per task: the gradients, the Gramian of those of the ``watched`` parameters, and which of these are
        not of the ``large`` operations.
        """
        apart = {id(p) for operation in large for p in operation.parameters}
        rest = [p for p in watched if id(p) not in apart]
        gathered = self._gather(call, rest, edges=[operation.edge for operation in large], keep=True)
        assert gathered is not None
        gramian = gramian_of(gathered.jacobian)
        for operation, rows in zip(large, gathered.rows, strict=True):
            gramian += operation.gramian(rows)
        return gathered, gramian, rest

    def _update_representation(self, call: Call) -> Tensor | None:
        """K passes through what is each task's own, then one through what is shared for the weighted sum."""
        frontier = call.frontier
        assert frontier is not None
        if len(frontier.edges) == 1 and not frontier.parameters:
            readers = find_readers(call.losses, frontier.edges[0])
            if readers is not None:
                return self._update_readers(call, frontier.edges[0], readers)
        gathered = self._gather(call, frontier.parameters, frontier, keep=True)
        assert gathered is not None
        weights, factors = self._solve(_together(gathered), gathered.losses, call)
        share = weights * call.step.scale
        directions = [torch.tensordot(share.to(rows.dtype), rows, 1) for rows in gathered.rows]
        add_weighted_gradient(frontier.edges, directions, call.shared)
        if frontier.parameters:
            add_gradient(share @ gathered.jacobian, frontier.parameters)
        self._write_own(call, gathered, factors)
        return weights

    def _update_readers(self, call: Call, edge: GradientEdge, readers: Readers) -> Tensor:
        """One pass through what is each task's own, for all tasks, then one through what is shared."""
        gathered = self._begin(call, [], "frontier")
        columns = torch.cat(gathered.add_apart(call.losses, call.step.scale, readers.edges), 1)
        gathered.gramian = readers.gramian(columns)
        gathered.reduce()
        weights, factors = self._solve(gathered.gramian, gathered.losses, call)
        add_weighted_gradient([edge], [readers.weighted(columns, weights * call.step.scale)], call.shared)
        self._write_own(call, gathered, factors)
        return weights


def _together(gathered: TaskGradients) -> Tensor:
    """``[M, M]``, of the gradients at the edges of a frontier and of those of its parameters."""
    if gathered.gramian is None:
        return gramian_of(gathered.jacobian)
    if gathered.jacobian.shape[1] == 0:
        return gathered.gramian
    return gathered.gramian + gramian_of(gathered.jacobian)


def columns(jacobian: Tensor, shared: list[Parameter], watched: list[Parameter]) -> Tensor:
    """The columns of ``J [M, P]`` that belong to the ``watched`` parameters."""
    if len(watched) == len(shared):
        return jacobian
    wanted = {id(p) for p in watched}
    parts = torch.split(jacobian, [p.numel() for p in shared], 1)
    return torch.cat([part for part, p in zip(parts, shared, strict=True) if id(p) in wanted], 1)
