"""One optimizer step: batches to task losses, task losses to gradients."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from mtl.distributed import mean_over_processes, mean_over_rows
from mtl.gradients.accumulate import add_mean_gradient
from mtl.module.across_rows import notes_across_rows
from mtl.module.losses import count_labels, loss_sums, share_factors
from mtl.module.preferences import Preferences
from mtl.module.reached import ReachedParameters
from mtl.network import Network, Partition
from mtl.nn.encoder import Inputs
from mtl.suites.batch import Batch
from mtl.weighting.base import Step, Weighting


@dataclass
class StepState:
    """The optimizer step under way: what the forward pass leaves for what follows.

    Attributes:
        losses: shares of the task losses of the batch under way.
        position: where that batch stands in the optimizer step.
        representation: where the weighting compares gradients, if it does so there.
        inputs: of the batches so far.
        micro_batches: the batches so far and the factors of their losses, for weightings that look at them once more.
        weights: effective ones of the last optimizer step, ``[K]``.
        scale: of a gradient scaler, in the last backward pass.
    """

    losses: list[Tensor] = field(default_factory=list)
    position: Step = field(default_factory=Step)
    representation: Tensor | None = None
    inputs: list[Inputs] = field(default_factory=list)
    micro_batches: list[tuple[Batch, list[float]]] = field(default_factory=list)
    weights: Tensor | None = None
    scale: float = 1.0


@contextmanager
def unchanged_buffers(network: nn.Module) -> Iterator[None]:
    """Running statistics and other buffers are afterwards as they were, whatever passes go through the network."""
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    yield
    with torch.no_grad():
        for buffer, value in kept:
            buffer.copy_(value)


class TrainingStep:
    """Takes the batches of one optimizer step after the other to losses, and these to gradients.

    A plain object beside the Lightning module: a module looks at each attribute that is set as if it were a parameter,
    and would register a compiled network, which is the same parameters once more, a second time.

    Args:
        network: sharing and heads.
        weighting: from K losses to one update.
        partition: of the network's parameters.
        forward: inputs to predictions by the network, compiled or not.
        preferences: what draws those of a network that learns all of them; None: nothing does.

    Attributes:
        state: of the step under way.
        precision: what the trainer computes losses in. Those that are computed once more, to be compared with them, are
            computed in it too.
        reached: which parameters the losses have reached.
        across_rows: what is to be said of losses of a row that depend on others; None before the first batch.
    """

    def __init__(
        self,
        network: Network,
        weighting: Weighting,
        partition: Partition,
        forward: Callable[[Any], dict[str, Tensor]],
        preferences: Preferences | None = None,
    ) -> None:
        self.network, self.graph, self.weighting, self.partition = network, network.graph, weighting, partition
        self.forward = forward
        self.preferences = preferences
        self.state = StepState()
        self.precision: Callable[[], AbstractContextManager[Any]] = nullcontext
        self.reached = ReachedParameters(dict(network.named_parameters()))
        self.across_rows: list[str] | None = None
        weighting.says_unreached = False
        learned = list(weighting.parameters())
        separate = [*partition.private.values(), learned]
        whole = [*partition.shared, *(p for part in separate for p in part)]
        self._predicts_again = any(network.sharing.expectations())  # for the penalty of a step
        self._clipped = [whole] if partition.shared else separate  # parameters whose gradients are limited together

    def losses(self, batch: Batch, batches: int, last: bool) -> Tensor:
        """Take a batch to its task losses, which :meth:`backward` then takes to gradients.

        Args:
            batch: rows.
            batches: accumulated batches of the step.
            last: whether this is the last of them.

        Returns:
            Shares of the step's task losses, ``[K]``, without a graph: that hangs on the single losses of the state.
        """
        state = self.state
        if state.position.last and self.preferences is not None:
            self.preferences.draw(self.network.sharing, self.weighting)
        state.inputs = [*([] if state.position.last else state.inputs), batch.inputs]
        if self.weighting.needs_representation:
            predictions, state.representation = self.network.with_representation(batch.inputs)
        else:
            predictions = self.forward(batch.inputs)
        sums = loss_sums(self.graph, predictions, batch)
        if self.across_rows is None:
            self.across_rows = notes_across_rows(self.graph, predictions, batch)
        counted = batch if batch.counts else batch._replace(counts=count_labels(self.graph, batch, batches))
        factors = share_factors(counted.counts, batches)
        state.losses = [total * factor for total, factor in zip(sums, factors, strict=True)]
        self.reached.look(state.losses)
        if self.weighting.needs_recomputed_losses or self.weighting.needs_nearby_losses:
            state.micro_batches.append((batch, factors))
        state.position = Step(counted.present, batches, last)
        with torch.no_grad():
            return torch.stack(state.losses)

    def backward(self, scale: float) -> None:
        """Add the gradient of the batch under way to ``.grad``; with the last batch of a step also the penalty's.

        Args:
            scale: what Lightning's gradient scaler multiplies losses by; it is applied to the whole update.
        """
        state, step = self.state, self.state.position
        state.scale = scale
        if not step.tasks:  # no row of the whole step has any label
            return
        nearby = self.weighting.needs_nearby_losses
        with unchanged_buffers(self.network) if nearby else nullcontext():
            weights = self.weighting.backward(
                state.losses,
                self.partition.shared,
                self.partition.private_lists,
                self.partition.layer,
                Step(step.tasks, step.batches, step.last, scale, self._losses_of_batches if nearby else None),
                state.representation,
            )
        state.losses, state.representation = [], None
        if step.last:
            state.weights = weights
            with unchanged_buffers(self.network) if self._predicts_again else nullcontext():
                penalty = self.network.penalty(state.inputs, mean_over_rows)
                if penalty.requires_grad:
                    self.reached.look([penalty])
                    add_mean_gradient(penalty * scale, [p for p in self.network.parameters() if p.requires_grad])

    def loss_scale(self, loss: Tensor) -> float:
        """What a gradient scaler multiplied the losses ``[K]`` by, when Lightning hands them back."""
        raw = torch.stack([one.detach() for one in self.state.losses])
        ratio = float((loss.detach() / raw).nan_to_num(0.0, 0.0, 0.0).amax())
        # Losses that are all 0 have no gradient and a broken one is reported elsewhere: any factor will do
        return ratio * self.state.position.batches or 1.0

    def clip(self, limit: float) -> None:
        """Limit the norm of the whole gradient, or each task's own where nothing is shared: as if it learned alone."""
        for parameters in self._clipped:
            nn.utils.clip_grad_norm_(parameters, limit)

    def finish(self) -> None:
        """Let the weighting look at the losses once more, after the optimizer's step."""
        self.weighting.after_step(self._recompute_losses)
        self.state.micro_batches = []

    @torch.no_grad()
    def _recompute_losses(self) -> Tensor:
        """The losses ``[K]`` of the whole step at the parameters as they are now; 0 for a task without labels."""
        parts = []
        with unchanged_buffers(self.network):
            for batch, factors in self.state.micro_batches:
                with self.precision():
                    sums = torch.stack(loss_sums(self.graph, self.forward(batch.inputs), batch))
                parts.append(sums * torch.tensor(factors, device=sums.device) / len(self.state.micro_batches))
        return mean_over_processes(reduce(torch.add, parts))

    def _losses_of_batches(self) -> Iterator[list[Tensor]]:
        """The losses of the step's batches, as :meth:`losses` has them, at the parameters as they are now."""
        for batch, factors in self.state.micro_batches:
            # Not by the compiled network, which would be compiled once more for parameters that are moved
            with self.precision():
                sums = loss_sums(self.graph, self.network(batch.inputs), batch)
            yield [total * factor for total, factor in zip(sums, factors, strict=True)]

    def feed_held_out_losses(self, held_out: Iterable[Batch], batches: int) -> None:
        """Tell the weighting the losses of held-out rows at the parameters as they are now.

        The network learns nothing of these rows: running statistics stay those of training rows.

        Args:
            held_out: batches of rows that a weighting learns on.
            batches: how many these are.
        """
        with unchanged_buffers(self.network):
            for number, batch in enumerate(held_out, 1):
                factors = share_factors(batch.counts, batches)
                # Not by the compiled network, which would be compiled once more for batches of this size
                with self.precision():
                    sums = loss_sums(self.graph, self.network(batch.inputs), batch)
                losses = [total * factor for total, factor in zip(sums, factors, strict=True)]
                step = Step(batch.present, batches, number == batches, self.state.scale)
                self.weighting.on_held_out_losses(losses, self.partition.shared, self.partition.private_lists, step)
