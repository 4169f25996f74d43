"""From losses to an objective."""

from abc import abstractmethod

import torch
from torch import Tensor
from typing_extensions import override

from mtl.distributed import mean_over_processes, processes
from mtl.errors import InputError
from mtl.gradients.accumulate import add_gradient, add_weighted_gradient
from mtl.gradients.gramian import gramian_of
from mtl.gradients.precision import at_least_single
from mtl.weighting.base.contract import Weighting
from mtl.weighting.base.made import check_made
from mtl.weighting.base.step import Call
from mtl.weighting.base.writing import write_update


class LossWeighting(Weighting):
    """A weighting that is a function of the loss values alone.

    ``forward(losses [M], tasks [M]) -> objective []`` for the M <= K tasks that have labels; ``tasks`` indexes per-task
    state. The effective weights are the derivatives of the objective with respect to the losses, taken at the losses of
    the whole step over all processes; the method's own parameters get the objective's gradient. Private parameters get
    the weighted gradient: the objective is one function of all parameters.

    Attributes:
        linear: the weights do not depend on this step's losses, so that accumulated batches need one pass each;
            otherwise each task's gradient is accumulated on its own until the losses of the whole step are known.
        constant: they never change while the same tasks have labels, unless losses are normalised.
    """

    linear = False
    constant = False

    @abstractmethod
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        """Losses to the objective.

        Args:
            losses: ``[M]``.
            tasks: indices ``[M]`` of these tasks.

        Returns:
            A scalar.
        """

    @override
    def _takes_apart(self, call: Call) -> bool:
        """Where the weights are known only after the passes; otherwise the objective is differentiated as a whole."""
        return self.normalise == "gradient_norm" or (call.step.batches > 1 and not self._weights_known(call.tasks))

    @override
    def _update(self, call: Call) -> Tensor | None:
        if self._takes_apart(call):
            return self._update_gathered(call)
        self._last_gramian.clear()  # of an earlier step, in which gradients were looked at
        at_once = self.normalise == "none" and processes() == 1 and call.losses[0].requires_grad
        if at_once and call.trains:
            return self._update_at_once(call)
        factor = call.step.scale / call.step.batches
        losses = mean_over_processes(at_least_single(torch.stack([loss.detach() for loss in call.losses])))
        weights = self._objective(losses, self._scales(losses, call.tasks), call, factor)
        add_weighted_gradient(call.losses, weights * factor, call.parameters)
        return weights

    def _update_at_once(self, call: Call) -> Tensor:
        """One pass through the objective and the network together: the losses here are those of the whole step."""
        losses = at_least_single(torch.stack(call.losses))
        losses.retain_grad()
        objective = self._objective_of(losses, call.task_index)
        factor = call.step.scale / call.step.batches
        learned = [p for p in self.parameters() if p.requires_grad]
        torch.autograd.backward(objective, objective.new_tensor(factor), inputs=[*call.parameters, *learned])
        assert losses.grad is not None
        return losses.grad if factor == 1.0 else losses.grad / factor

    def _objective_of(self, losses: Tensor, tasks: Tensor) -> Tensor:
        """The objective of those losses ``[M]`` that the method is defined for."""
        usable = self._usable(losses, tasks)
        if usable is None:
            objective: Tensor = self(losses, tasks)
        elif len(usable) == 0:
            objective = 0 * losses.sum()
        else:
            objective = self(losses[usable], tasks[usable])
        check_made(self, objective, (), "one number")
        if not objective.requires_grad:
            raise InputError(f"{type(self).__name__}.forward gives a number that does not depend on the losses")
        return objective

    def _weights_known(self, tasks: list[int]) -> bool:
        """Whether the weights are known before the losses of the whole step are."""
        return self.linear and self.normalisation.known(tasks)

    def _objective(self, losses: Tensor, scales: Tensor, call: Call, factor: float) -> Tensor:
        """Weights ``[M]`` at these losses; the method's own parameters get their gradient."""
        with torch.enable_grad():
            losses = losses.detach().requires_grad_()
            objective = self._objective_of(losses / scales, call.task_index)
            learned = [p for p in self.parameters() if p.requires_grad]
            weights, *grads = torch.autograd.grad(objective, [losses, *learned], allow_unused=True)
        for parameter, grad in zip(learned, grads, strict=True):
            if grad is not None:
                add_gradient((grad * factor).flatten(), [parameter])
        return weights if weights is not None else torch.zeros_like(losses)

    def _update_gathered(self, call: Call) -> Tensor | None:
        """One pass per task, weighed when the whole step is known."""
        gathered = self._memory.gather(call.losses, call.shared, call.private, call.step)
        if gathered is None:
            return None
        if call.shared:
            self._record_gramian(gramian_of(gathered.jacobian), call.tasks)
        scales = self._scales(gathered.losses, call.tasks, gathered.jacobian.norm(dim=1))
        weights = self._objective(gathered.losses, scales, call, call.step.scale)
        write_update(call, weights @ gathered.jacobian, gathered, weights)
        return weights
