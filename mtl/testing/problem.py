"""A small problem to weigh: tasks on one trunk, without a data set or a trainer."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mtl.weighting.base import WHOLE_STEP, Step, Weighting


class Problem:
    """K regression tasks on one trunk; losses are mean squared errors plus 0.1, times a factor per task.

    Args:
        num_tasks: K.
        factors: one per task.
        seed: of data and initial values.
        rows: how many.
    """

    def __init__(self, num_tasks: int, factors: Sequence[float] = (), seed: int = 0, rows: int = 12) -> None:
        torch.default_generator.manual_seed(seed)
        self.factors = list(factors) or [1.0] * num_tasks
        self.batches: list[tuple[int, int | None]] = []  # of the optimizer step so far, where they are looked at again
        self.inputs = torch.randn(rows, 4)
        self.targets = torch.randn(rows, num_tasks)
        self.trunk = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh())
        self.heads = nn.ModuleList(nn.Linear(6, 1) for _ in range(num_tasks))

    def permuted(self, order: Sequence[int]) -> "Problem":
        """The same problem with its tasks in another order."""
        other = Problem(len(order))
        other.factors = [self.factors[i] for i in order]
        other.inputs, other.targets = self.inputs, self.targets[:, list(order)]
        other.trunk.load_state_dict(self.trunk.state_dict())
        for head, i in zip(other.heads, order, strict=True):
            head.load_state_dict(self.heads[i].state_dict())
        return other

    @property
    def shared(self) -> list[nn.Parameter]:
        """The parameters of the trunk."""
        return list(self.trunk.parameters())

    @property
    def private(self) -> list[list[nn.Parameter]]:
        """The parameters of each task's head."""
        return [list(head.parameters()) for head in self.heads]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All of them."""
        return [*self.shared, *(p for private_parameters in self.private for p in private_parameters)]

    def forward(self, start: int = 0, stop: int | None = None) -> tuple[list[Tensor], Tensor]:
        """Losses of some rows, and the representation they were computed from."""
        rows = slice(start, stop)
        h = self.trunk(self.inputs[rows])
        losses = [
            factor * (((head(h).squeeze(-1) - self.targets[rows, i]) ** 2).mean() + 0.1)
            for i, (head, factor) in enumerate(zip(self.heads, self.factors, strict=True))
        ]
        return losses, h

    @property
    def whole_step(self) -> Step:
        """A step of all rows, whose losses can be computed once more."""
        return Step(recompute=lambda: [self.forward()[0]])

    def backward(
        self, weighting: Weighting, step: Step = WHOLE_STEP, start: int = 0, stop: int | None = None
    ) -> Tensor:
        """One call of ``backward`` on some rows."""
        losses, h = self.forward(start, stop)
        if weighting.needs_nearby_losses:
            self.batches.append((start, stop))
            step = replace(step, recompute=lambda: [self.forward(*rows)[0] for rows in self.batches])
        weights = weighting.backward(losses, self.shared, self.private, self.trunk[2].parameters(), step, h)
        if step.last:
            self.batches.clear()
        return weights

    def feed_held_out(
        self, weighting: Weighting, step: Step = WHOLE_STEP, start: int = 0, stop: int | None = None
    ) -> None:
        """One call of ``on_held_out_losses`` on some rows."""
        weighting.on_held_out_losses(self.forward(start, stop)[0], self.shared, self.private, step)

    def gradients(self) -> tuple[Tensor, list[Tensor]]:
        """Each task's gradient of the shared parameters, ``[K, P]``, and of its own."""
        losses, _ = self.forward()
        rows, private_parameters = [], []
        for loss, private in zip(losses, self.private, strict=True):
            parts = torch.autograd.grad(loss, [*self.shared, *private], retain_graph=True)
            rows.append(flat(parts[: len(self.shared)]))
            private_parameters.append(flat(parts[len(self.shared) :]))
        return torch.stack(rows), private_parameters

    def update(self) -> Tensor:
        """``.grad`` of the shared parameters, ``[P]``."""
        return flat([p.grad if p.grad is not None else torch.zeros_like(p) for p in self.shared])

    def private_update(self, task: int) -> Tensor:
        """``.grad`` of a task's private parameters."""
        return flat([p.grad if p.grad is not None else torch.zeros_like(p) for p in self.private[task]])

    def clear(self) -> None:
        """Forget all gradients."""
        for p in self.parameters:
            p.grad = None

    def train(
        self,
        weighting: Weighting,
        steps: int,
        one_step: Callable[[], object] | None = None,
        lr: float = 0.1,
        current_losses: Callable[[], Tensor] | None = None,
        feed_held_out: Callable[[], object] | None = None,
    ) -> None:
        """Plain gradient steps, with everything that a training tells a method; epochs of two steps.

        Args:
            weighting: what makes the gradients.
            steps: how many.
            one_step: calls ``backward``; by default once, on all rows.
            lr: of the problem's parameters; the method's own take steps of 0.01.
            current_losses: the losses at the parameters as they are, of all rows; by default :meth:`current_losses`.
            feed_held_out: calls ``on_held_out_losses``; by default once, with all rows, which here are those of
                training too.
        """
        learned = [p for p in weighting.parameters() if p.requires_grad]
        current_losses = current_losses or self.current_losses
        for number in range(steps):
            self.clear()
            for p in learned:
                p.grad = None
            if one_step is None:
                self.backward(weighting)
            else:
                one_step()
            with torch.no_grad():
                for p, rate in [*((p, lr) for p in self.parameters), *((p, 0.01) for p in learned)]:
                    if p.grad is not None:
                        p.sub_(rate * p.grad)
            weighting.after_step(current_losses)
            if feed_held_out is None:
                self.feed_held_out(weighting)
            else:
                feed_held_out()
            if number % 2:
                weighting.on_epoch_end(current_losses())

    def current_losses(self, start: int = 0, stop: int | None = None) -> Tensor:
        """The losses of some rows at the parameters as they are, ``[K]``."""
        with torch.no_grad():
            return torch.stack(self.forward(start, stop)[0])


def flat(parts: Sequence[Tensor]) -> Tensor:
    """Tensors as one vector."""
    return torch.cat([part.detach().flatten() for part in parts])
