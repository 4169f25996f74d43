"""What every weighting promises: losses to ``.grad``, whatever step they are of."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn import Parameter

from mtl.errors import InputError, unknown
from mtl.gradients.frontier import Frontier, at_tensor, find_frontier
from mtl.gradients.task_gradients import TaskGradients, add_gradient, add_gradients
from mtl.weighting.state import PerTask

Losses = Tensor | Sequence[Tensor]
NORMALISATIONS = ("none", "loss_scale", "gradient_norm")


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


class Call(NamedTuple):
    """One call of ``backward``, reduced to the M tasks that take part: ``tasks``, and as a tensor ``numbers``."""

    losses: list[Tensor]
    tasks: list[int]
    numbers: Tensor
    shared: list[Parameter]
    private: list[list[Parameter]]
    layer: list[Parameter]
    frontier: Frontier | None
    step: Step

    @property
    def parameters(self) -> list[Parameter]:
        """Shared and private ones together."""
        return [*self.shared, *(p for own in self.private for p in own)]


class Weighting(nn.Module, ABC):
    """The rule from K losses to one update. All state is in buffers and parameters, so a checkpoint carries it.

    Args:
        num_tasks: K.
        normalise: what stands in front of the method: it, and every gradient, sees ``L_i / s_i`` instead of ``L_i``.
            ``none``: ``s_i = 1``; ``loss_scale``: the first loss seen of task i, for losses of unlike size;
            ``gradient_norm``: the norm of task i's gradient where the method looks at gradients, every step anew.

    Attributes:
        gramian: ``[M, M]`` Gramian of the task gradients of the last solve, before normalisation, for the dashboard;
            None where the method needs none.
        gramian_tasks: indices of the M tasks it is of.
        needs_shared: the method compares task gradients, so a network without shared parameters is an error.
        needs_representation: gradients are compared at the tensors where the losses part ways.
        held_out: share of the training rows that :meth:`learn` is told of, and the network is not trained with.
        looks_again: :meth:`after_step` recomputes the losses, so the batches of a step have to be kept until then.
    """

    needs_shared = False
    needs_representation = False
    looks_again = False
    held_out = 0.0
    scales: Tensor

    def __init__(self, num_tasks: int, normalise: str = "none") -> None:
        super().__init__()
        if num_tasks < 1:
            raise InputError(f"num_tasks={num_tasks}: at least 1 is needed")
        if normalise not in NORMALISATIONS:
            raise unknown("weighting.normalise", normalise, NORMALISATIONS)
        self.num_tasks, self.normalise = num_tasks, normalise
        if normalise == "loss_scale":
            self.register_buffer("scales", torch.full((num_tasks,), torch.nan))
        self._compared: list[tuple[Tensor, tuple[int, ...]]] = []  # a list, because a module sets attributes slowly
        self._numbers: tuple[tuple[list[int], torch.device], Tensor] | None = None
        # Of the optimizer step under way, by what for; empty between steps, so a checkpoint misses nothing
        self._gathered: dict[str, TaskGradients] = {}
        self._spare: dict[str, TaskGradients] = {}  # the memory of the last step

    def backward(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        layer: Iterable[Parameter] | None = None,
        step: Step = WHOLE_STEP,
        representation: Tensor | None = None,
    ) -> Tensor:
        """Add the gradient of this step to ``.grad`` of every parameter.

        Args:
            losses: K scalars (a sequence is cheaper than a vector: indexing a vector gives every other head a zero
                gradient).
            shared: parameters that the losses of two or more tasks reach.
            private: for each task the parameters that only its loss reaches.
            layer: the last shared layer, for methods that look at that one alone; default all of ``shared``.
            step: where this call stands in the optimizer step.
            representation: the tensor through which every loss depends on ``shared``, for methods that compare
                gradients there; None looks for the last shared tensors (:mod:`mtl.gradients.frontier`), a walk
                through the graph.

        Returns:
            The effective weights ``[K]``, 0 for a task that was left out or while batches are still being accumulated.

        Raises:
            InputError: a wrong number of losses; no shared parameters, or no representation, where they are needed.
        """
        if len(losses) != self.num_tasks:
            raise InputError(f"{type(self).__name__} was made for {self.num_tasks} tasks and got {len(losses)} losses")
        tasks = list(range(self.num_tasks)) if step.tasks is None else sorted(step.tasks)
        common = list(shared)
        if self.needs_shared and not common:
            raise InputError(
                f"{type(self).__name__} compares gradients of shared parameters, and this network shares none"
            )
        frontier = None
        if self.needs_representation and representation is not None:
            frontier = at_tensor(representation)
        elif self.needs_representation:
            frontier = find_frontier(list(losses), common)
        call = Call(
            losses=[losses[i] for i in tasks],
            tasks=tasks,
            numbers=self._numbered(tasks, losses[0].device),
            shared=common,
            private=[list(private[i]) for i in tasks],
            layer=common if layer is None else list(layer),
            frontier=frontier,
            step=step,
        )
        weights = self._update(call)
        if weights is not None and len(tasks) == self.num_tasks:
            return weights.detach()
        everyone = torch.zeros(self.num_tasks, device=losses[0].device)
        if weights is not None:
            everyone[tasks] = weights.detach()
        return everyone

    @property
    def gramian(self) -> Tensor | None:
        """Of the last solve, as described at the class."""
        return self._compared[0][0] if self._compared else None

    @property
    def gramian_tasks(self) -> tuple[int, ...]:
        """Of the last solve, as described at the class."""
        return self._compared[0][1] if self._compared else ()

    def _saw(self, gramian: Tensor, tasks: list[int]) -> None:
        """Keep the Gramian of a solve for whoever wants to see it."""
        self._compared[:] = [(gramian, tuple(tasks))]

    def of(self, values: Tensor, tasks: Tensor) -> Tensor:
        """The numbers ``[M]`` of these tasks among K, in their order: nothing is picked where that is all of them."""
        return values if len(tasks) == self.num_tasks else values.index_select(0, tasks)

    def put(self, values: Tensor, tasks: Tensor, new: Tensor) -> None:
        """Write the numbers ``[M]`` of these tasks among K."""
        if len(tasks) == self.num_tasks:
            values.copy_(new)
        else:
            values.index_copy_(0, tasks, new.to(values))

    def _numbered(self, tasks: list[int], device: torch.device) -> Tensor:
        """``tasks`` as a tensor: the one of the last call, as long as they are the same."""
        if self._numbers is None or self._numbers[0] != (tasks, device):
            self._numbers = (tasks, device), torch.tensor(tasks, device=device)
        return self._numbers[1]

    @abstractmethod
    def _update(self, call: Call) -> Tensor | None:
        """Add gradients; the weights ``[M]``, or None while batches are still being accumulated."""

    def bind(self, names: Sequence[str]) -> None:
        """Told the tasks' names once, before training, for options that go by name."""
        for part in self.modules():
            if isinstance(part, PerTask):
                part.bind(names)

    def on_epoch_end(self, losses: Tensor) -> None:
        """Told once per epoch the mean training losses ``[K]`` (NaN for a task never seen). By default nothing
        happens.
        """

    def after_step(self, recompute: Callable[[], Tensor]) -> None:
        """Told after each optimizer step; ``recompute`` gives the losses ``[K]`` of the same rows at the new
        parameters, which costs a forward pass. By default nothing happens.
        """

    def learn(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        """Told after each optimizer step the losses of held-out rows at the new parameters, as :meth:`backward` is
        told those of training rows; writes no gradient. By default nothing happens.
        """

    def _gather(
        self,
        call: Call,
        watched: Sequence[Tensor],
        frontier: Frontier | None = None,
        edges: Sequence[GradientEdge] = (),
        *,
        keep: bool = False,
    ) -> TaskGradients | None:
        """One pass per task, up to the frontier if there is one; the gradients of the whole step over all processes, or
        None before its last batch. Other edges may be looked at instead, past which the passes go on.
        """
        purpose = "all" if frontier is None else "frontier"
        if purpose not in self._gathered:
            self._gathered[purpose] = self._begin(call, watched, purpose)
        self._gathered[purpose].add(call.losses, call.step.scale, call.step.batches, frontier, edges, keep=keep)
        if not call.step.last:
            return None
        gathered = self._gathered.pop(purpose)
        gathered.reduce()
        return gathered

    def _begin(self, call: Call, watched: Sequence[Tensor], purpose: str) -> TaskGradients:
        """Room for the gradients of a step: that of the last one, if it is for the same parameters."""
        device = call.losses[0].device
        spare = self._spare.get(purpose)
        if spare is None or not spare.fits(watched, call.private, device):
            spare = self._spare[purpose] = TaskGradients(watched, call.private, device)
        spare.start(watched, call.private)
        return spare

    def _scales(self, losses: Tensor, tasks: list[int], norms: Tensor | None = None) -> Tensor:
        """``s [M]`` of the losses ``[M]`` and gradient norms ``[M]`` of the whole step; remembers first losses."""
        found = torch.ones_like(losses)
        if self.normalise == "none":
            return found
        if self.normalise == "loss_scale":
            known = self.scales[tasks]
            found = self.scales[tasks] = torch.where(known.isnan(), losses.abs(), known)
        elif norms is not None and self.normalise == "gradient_norm":
            found = norms
        # What is zero or broken cannot be a unit
        return torch.where((found > 0) & found.isfinite(), found, torch.ones_like(found))

    @staticmethod
    def _write_own(call: Call, gathered: TaskGradients, factors: Tensor) -> None:
        """Add each task's gradient of its private parameters times its factor."""
        share = factors if call.step.scale == 1.0 else factors * call.step.scale
        add_gradients(gathered.weighted_own(share), [p for own in call.private for p in own])

    def _write(self, call: Call, direction: Tensor, gathered: TaskGradients, factors: Tensor) -> None:
        """Add a direction of the shared parameters ``[P]``, and the private gradients."""
        add_gradient(direction if call.step.scale == 1.0 else direction * call.step.scale, call.shared)
        self._write_own(call, gathered, factors)
