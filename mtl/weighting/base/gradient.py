"""From the Gramian of the task gradients to weights."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.errors import unknown
from mtl.gradients import add_gradient, add_weighted_gradient, gramian_of
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
        weights = self.kept(call)
        if weights is not None:
            add_weighted_gradient(call.losses, weights * (call.step.scale / call.step.batches), call.parameters)
            return weights
        # The short ways walk the graph again once the weights are known, so an accumulated step cannot take them
        if self.at == "parameters" or call.step.batches > 1:
            return self._update_exact(call)
        if self.at == "last_shared":
            return self._update_layer(call)
        return self._update_representation(call)

    def _solve(self, gramian: Tensor, losses: Tensor, tasks: list[int]) -> tuple[Tensor, Tensor]:
        """Weights ``[M]`` and the factors ``[M]`` of the private gradients."""
        self.gramian, self.gramian_tasks = gramian, tuple(tasks)
        with torch.no_grad():
            scales = self._scales(losses, tasks, gramian.diagonal().clamp(min=0).sqrt())
            if not bool(gramian.isfinite().all()):
                weights = torch.full_like(losses, torch.nan)
                return weights, weights
            normal = gramian / torch.outer(scales, scales) if self.normalise != "none" else gramian
            numbers = torch.tensor(tasks, device=losses.device)
            weights = self(normal, losses / scales, numbers).to(losses)
            factors = self.own_factors(weights, numbers) / scales
            weights = weights / scales
            self.keep(weights, tasks)
        return weights, factors

    def _update_exact(self, call: Call) -> Tensor | None:
        """K passes through everything, gathered over the accumulated batches, solved once."""
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
            gramian = before.gramian + gramian_of(before.jacobian)
        weights, factors = self._solve(gramian, gathered.losses, call.tasks)
        self._write(call, weights @ gathered.jacobian, gathered.own, factors)
        return weights

    def _update_layer(self, call: Call) -> Tensor | None:
        """K short passes to the last shared layer, then one through all shared parameters for the weighted sum."""
        gathered = self._gather(call, call.layer, keep=True)
        assert gathered is not None
        weights, factors = self._solve(gramian_of(gathered.jacobian), gathered.losses, call.tasks)
        add_weighted_gradient(call.losses, weights * call.step.scale, call.shared)
        self._write_own(call, gathered.own, factors)
        return weights

    def _update_representation(self, call: Call) -> Tensor | None:
        """K passes through what is each task's own, then one through what is shared for the weighted sum."""
        frontier = call.frontier
        assert frontier is not None
        gathered = self._gather(call, frontier.parameters, frontier, keep=True)
        assert gathered is not None
        gramian = gathered.gramian
        if frontier.parameters:
            gramian = gramian + gramian_of(gathered.jacobian)
        weights, factors = self._solve(gramian, gathered.losses, call.tasks)
        share = weights * call.step.scale
        directions = [torch.tensordot(share.to(rows.dtype), rows, 1) for rows in gathered.rows]
        add_weighted_gradient(frontier.edges, directions, call.shared)
        if frontier.parameters:
            add_gradient(share @ gathered.jacobian, frontier.parameters)
        self._write_own(call, gathered.own, factors)
        return weights


def columns(jacobian: Tensor, shared: list[Parameter], watched: list[Parameter]) -> Tensor:
    """The columns of ``J [M, P]`` that belong to the ``watched`` parameters."""
    if len(watched) == len(shared):
        return jacobian
    wanted = {id(p) for p in watched}
    parts = torch.split(jacobian, [p.numel() for p in shared], 1)
    return torch.cat([part for part, p in zip(parts, shared, strict=True) if id(p) in wanted], 1)
