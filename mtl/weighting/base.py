"""What every weighting promises, and the two ways to keep the promise.

A weighting turns the K losses of a step into ``.grad`` on the parameters. A :class:`LossWeighting` is an arrow from
losses to an objective, a :class:`GradientWeighting` an arrow from the Gramian of the task gradients to weights.
Everything else - several processes, accumulated batches, scaled losses, tasks without labels - is dealt with here,
once.

In any PyTorch loop::

    weighting = GradNorm(num_tasks=3)
    weighting.backward(losses, shared=trunk.parameters(), private=[head.parameters() for head in heads])
    optimizer.step()
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.gradients import add_gradient, add_mean_gradient, gradient, mean_over_processes

Losses = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Step:
    """Where one call of ``backward`` stands in an optimizer step. The default is a step of its own.

    Attributes:
        tasks: indices of the tasks that have labels in this optimizer step; None means all. The others are left out of
            the solve and their state stays as it is.
        batches: calls of ``backward`` in the optimizer step (accumulated batches). Losses are such that their mean over
            these calls, and over the processes, is the loss of the whole step.
        last: this is the last of these calls.
        scale: factor on every gradient written, e.g. that of a gradient scaler for half precision.
    """

    tasks: tuple[int, ...] | None = None
    batches: int = 1
    last: bool = True
    scale: float = 1.0


WHOLE_STEP = Step()


class Weighting(nn.Module, ABC):
    """The rule from K losses to one update. All state is in buffers and parameters, so a checkpoint carries it.

    Args:
        num_tasks: K.

    Attributes:
        gramian: ``[M, M]`` Gramian of the unweighted task gradients of the last solve, for the dashboard; None where
            the method needs none.
        gramian_tasks: indices of the M tasks it is of.
        needs_shared: the method compares task gradients, so a network without shared parameters is an error.
        layer_only: it looks at the gradients of the last shared layer, not of all shared parameters.
    """

    needs_shared = False
    layer_only = False

    def __init__(self, num_tasks: int) -> None:
        super().__init__()
        if num_tasks < 1:
            raise InputError(f"num_tasks={num_tasks}: at least 1 is needed")
        self.num_tasks = num_tasks
        self.gramian: Tensor | None = None
        self.gramian_tasks: tuple[int, ...] = ()
        # Of the optimizer step under way; empty between steps, so a checkpoint misses nothing.
        self._jacobian: Tensor | None = None
        self._private: list[Tensor] = []
        self._losses: Tensor | None = None

    @abstractmethod
    def backward(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        layer: Iterable[Parameter] | None = None,
        step: Step = WHOLE_STEP,
    ) -> Tensor:
        """Add the gradient of this step to ``.grad`` of every parameter.

        Args:
            losses: K scalars (a sequence is cheaper than a vector: indexing a vector gives every other head a zero
                gradient).
            shared: parameters that the losses of two or more tasks reach.
            private: for each task the parameters that only its loss reaches.
            layer: the last shared layer, for methods that look at that one alone; default all of ``shared``.
            step: where this call stands in the optimizer step.

        Returns:
            The effective weights ``[K]``, 0 for a task that was left out or while batches are still being accumulated.
        """

    def bind(self, names: Sequence[str]) -> None:
        """Told the tasks' names once, before training, for options that go by name. By default nothing happens."""

    def on_epoch_end(self, losses: Tensor) -> None:
        """Told once per epoch the mean training losses ``[K]`` (NaN for a task never seen). By default nothing
        happens.
        """

    def _present(self, losses: Losses, step: Step) -> tuple[list[Tensor], list[int]]:
        """The losses of the tasks that take part, and their indices."""
        if len(losses) != self.num_tasks:
            raise InputError(f"{type(self).__name__} was made for {self.num_tasks} tasks and got {len(losses)} losses")
        tasks = list(range(self.num_tasks)) if step.tasks is None else list(step.tasks)
        return [losses[i] for i in tasks], tasks

    def _scatter(self, weights: Tensor, tasks: list[int]) -> Tensor:
        """Weights of the tasks present as a vector over all tasks, ``[K]``."""
        out = weights.new_zeros(self.num_tasks)
        out[tasks] = weights.detach()
        return out

    def _accumulate(
        self, losses: list[Tensor], shared: list[Parameter], private: list[list[Parameter]], step: Step
    ) -> None:
        """One pass per task: add each task's gradients, as shares of the step's mean, to what earlier batches gave."""
        size = sum(p.numel() for p in shared)
        if self._jacobian is None:
            device = losses[0].device
            self._jacobian = torch.zeros(len(losses), size, device=device)
            self._private = [torch.zeros(sum(p.numel() for p in own), device=device) for own in private]
            self._losses = torch.zeros(len(losses), device=device)
        assert self._losses is not None
        for row, loss in enumerate(losses):
            # Differentiate the scaled loss, so that half-precision activations' gradients do not vanish, then unscale
            last = row == len(losses) - 1
            flat = gradient(loss * step.scale, [*shared, *private[row]], retain_graph=not last)
            if step.scale * step.batches != 1.0:
                flat /= step.scale * step.batches
            self._jacobian[row] += flat[:size]
            self._private[row] += flat[size:]
            self._losses[row] += loss.detach() / step.batches

    def _collected(self) -> tuple[Tensor, list[Tensor], Tensor]:
        """Jacobian ``[M, P]``, private gradients and losses ``[M]`` of the whole step over all processes; then
        forget them.
        """
        assert self._jacobian is not None
        assert self._losses is not None
        jacobian = mean_over_processes(self._jacobian)
        private = [mean_over_processes(flat) for flat in self._private]
        losses = mean_over_processes(self._losses)
        self._jacobian, self._private, self._losses = None, [], None
        return jacobian, private, losses

    @staticmethod
    def _write(
        directions: tuple[Tensor, list[Tensor]], shared: list[Parameter], private: list[list[Parameter]], scale: float
    ) -> None:
        """Add directions of the shared and the private parameters to ``.grad``, times ``scale``."""
        add_gradient(directions[0] * scale, shared)
        for flat, own in zip(directions[1], private, strict=True):
            add_gradient(flat * scale, own)

    @staticmethod
    def _one_pass(losses: list[Tensor], weights: Tensor, parameters: list[Parameter], scale: float) -> None:
        """One pass for the weighted sum: its gradient, averaged over the processes, is added to ``.grad``."""
        total = sum((w * loss for w, loss in zip(weights.unbind(), losses, strict=True)), start=losses[0] * 0)
        add_mean_gradient(total * scale, parameters)


class LossWeighting(Weighting):
    """A weighting that is a function of the loss values alone.

    ``forward(losses [M], tasks [M]) -> objective []`` for the M <= K tasks that have labels; ``tasks`` indexes per-task
    state. The effective weights are the derivatives of the objective with respect to the losses, taken at the losses of
    the whole step over all processes; the method's own parameters get the objective's gradient.

    Attributes:
        linear: the weights do not depend on this step's losses, so that accumulated batches need one pass each;
            otherwise each task's gradient is accumulated on its own until the losses of the whole step are known.
    """

    linear = False

    @abstractmethod
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        """Losses ``[M]`` of the tasks numbered ``tasks [M]`` to the objective ``[]``."""

    def backward(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        layer: Iterable[Parameter] | None = None,
        step: Step = WHOLE_STEP,
    ) -> Tensor:
        present, tasks = self._present(losses, step)
        common, own = list(shared), [list(private[i]) for i in tasks]
        if not self.linear and step.batches > 1:
            return self._backward_accumulated(present, tasks, common, own, step)
        factor = step.scale / step.batches
        local = torch.stack([loss.detach() for loss in present])
        weights = self._objective(mean_over_processes(local), tasks, factor)
        self._one_pass(present, weights, [*common, *(p for part in own for p in part)], factor)
        return self._scatter(weights, tasks)

    def _objective(self, losses: Tensor, tasks: list[int], factor: float) -> Tensor:
        """Weights ``[M]`` at these losses; the method's own parameters get their gradient."""
        with torch.enable_grad():
            losses = losses.detach().requires_grad_()
            objective = self(losses, torch.tensor(tasks, device=losses.device))
            mine = [p for p in self.parameters() if p.requires_grad]
            weights, *grads = torch.autograd.grad(objective, [losses, *mine], allow_unused=True)
        for parameter, grad in zip(mine, grads, strict=True):
            if grad is not None:
                add_gradient((grad * factor).flatten(), [parameter])
        return weights

    def _backward_accumulated(
        self,
        present: list[Tensor],
        tasks: list[int],
        shared: list[Parameter],
        private: list[list[Parameter]],
        step: Step,
    ) -> Tensor:
        self._accumulate(present, shared, private, step)
        if not step.last:
            return present[0].new_zeros(self.num_tasks)
        jacobian, own, losses = self._collected()
        weights = self._objective(losses, tasks, step.scale)
        directions = weights @ jacobian, [w * flat for w, flat in zip(weights, own, strict=True)]
        self._write(directions, shared, private, step.scale)
        return self._scatter(weights, tasks)


class GradientWeighting(Weighting):
    """A weighting that compares the task gradients through their Gramian.

    ``forward(gramian [M, M], losses [M], tasks [M]) -> weights [M]``; the update is ``sum_i w_i grad L_i``.

    Attributes:
        weights_private: private parameters get their task's gradient times its weight, as the gradient of
            ``sum_i w_i L_i`` has it; False gives them the plain gradient.
    """

    needs_shared = True
    weights_private = True

    @abstractmethod
    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        """Gramian ``[M, M]`` and losses ``[M]`` of the tasks numbered ``tasks [M]`` to their weights ``[M]``."""

    def backward(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        layer: Iterable[Parameter] | None = None,
        step: Step = WHOLE_STEP,
    ) -> Tensor:
        present, tasks = self._present(losses, step)
        common, own = list(shared), [list(private[i]) for i in tasks]
        if not common:
            raise InputError(
                f"{type(self).__name__} compares gradients of shared parameters, and this network shares none"
            )
        watched = list(layer) if self.layer_only and layer is not None else common
        if len(watched) < len(common) and step.batches == 1:
            return self._backward_layer(present, tasks, watched, [*common, *(p for part in own for p in part)], step)
        return self._backward_exact(present, tasks, watched, common, own, step)

    def _solve(self, jacobian: Tensor, losses: Tensor, tasks: list[int]) -> Tensor:
        """Weights ``[M]`` from the Jacobian ``[M, P]`` (of all that is looked at) and losses ``[M]``."""
        with torch.no_grad():
            self.gramian, self.gramian_tasks = jacobian @ jacobian.T, tuple(tasks)
            weights: Tensor = self(self.gramian, losses, torch.tensor(tasks, device=losses.device))
        return weights

    def _backward_layer(
        self, present: list[Tensor], tasks: list[int], layer: list[Parameter], every: list[Parameter], step: Step
    ) -> Tensor:
        """K short passes to the last shared layer, then one pass for the weighted sum."""
        rows = [gradient(loss * step.scale, layer, retain_graph=True) / step.scale for loss in present]
        losses = mean_over_processes(torch.stack([loss.detach() for loss in present]))
        weights = self._solve(mean_over_processes(torch.stack(rows)), losses, tasks)
        self._one_pass(present, weights, every, step.scale)
        return self._scatter(weights, tasks)

    def _backward_exact(
        self,
        present: list[Tensor],
        tasks: list[int],
        watched: list[Parameter],
        shared: list[Parameter],
        private: list[list[Parameter]],
        step: Step,
    ) -> Tensor:
        """K passes through everything, gathered over the accumulated batches, solved once."""
        self._accumulate(present, shared, private, step)
        if not step.last:
            return present[0].new_zeros(self.num_tasks)
        jacobian, own, losses = self._collected()
        weights = self._solve(columns(jacobian, shared, watched), losses, tasks)
        if self.weights_private:
            own = [w * flat for w, flat in zip(weights, own, strict=True)]
        self._write((weights @ jacobian, own), shared, private, step.scale)
        return self._scatter(weights, tasks)


def columns(jacobian: Tensor, shared: list[Parameter], watched: list[Parameter]) -> Tensor:
    """The columns of ``J [M, P]`` that belong to the ``watched`` parameters."""
    if len(watched) == len(shared):
        return jacobian
    wanted = {id(p) for p in watched}
    parts = torch.split(jacobian, [p.numel() for p in shared], 1)
    return torch.cat([part for part, p in zip(parts, shared, strict=True) if id(p) in wanted], 1)
