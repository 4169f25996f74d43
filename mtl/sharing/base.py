"""What every sharing strategy promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Encoder, Inputs, InputShape

EncoderFactory = Callable[[InputShape], Encoder]
# Values of some rows [N, ...] to their mean [...] over all rows of the optimizer step, of all processes
RowMean = Callable[[Tensor], Tensor]


def mean_of_these(values: Tensor) -> Tensor:
    """The mean over rows ``[N, ...]``, where there are no others."""
    return values.mean(0)


class Sharing(nn.Module, ABC):
    """Which parameters serve which task: inputs to one representation per task.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for that shape; called once, per task or per expert.

    Attributes:
        out_features: D, the features of every task's representation.
        groups: names of the tasks of each group that shares with nobody else; empty: all tasks are one.

    Raises:
        InputError: no task, or two of one name.
    """

    out_features: int
    groups: tuple[tuple[str, ...], ...] = ()

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.task_names = tuple(task_names)
        if isinstance(task_names, str) or not self.task_names or len(set(self.task_names)) < len(self.task_names):
            raise InputError(f"tasks of a network: expected one name or more, each once, and got {task_names!r}")

    @abstractmethod
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """Inputs to ``{task: [B, ..., D]}``."""

    @abstractmethod
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        """The parameters of this strategy that only ``task``'s representation depends on. All others are shared.

        What counts is the whole parameter: one that stacks something for every task is shared, though each uses its own
        slice.
        """

    def per_task_axes(self) -> Iterator[tuple[Parameter, int]]:
        """The parameters that stack a slice for every task, each with an axis along which it does; by default none.

        Along that axis every task has equally many entries, task after task in their order. A parameter with two such
        axes comes twice. All other parameters of a single task are registered under its name.
        """
        return iter(())

    @abstractmethod
    def last_shared_layer(self) -> Iterator[Parameter]:
        """The shared parameters nearest to the heads, where some weightings compare gradients; empty if none is.

        Every task that shares anything has to reach some of them: the others would be compared as if they wanted
        nothing.
        """

    def idle_parameters(self) -> Iterator[Parameter]:
        """The parameters of choices with one way alone, whose share is always 1; by default none.

        They learn nothing, and no count has them. A strategy that had them once keeps them, so that the same seed draws
        the same values.
        """
        return iter(())

    def shared_parameters(self) -> Iterator[Parameter]:
        """The parameters that the representations of two or more tasks depend on."""
        private = {id(p) for task in self.task_names for p in self.private_parameters(task)}
        return (p for p in self.parameters() if id(p) not in private)

    def penalty(self, batches: Sequence[Inputs] = (), mean: RowMean = mean_of_these) -> Tensor:
        """A term to add to the objective of an optimizer step, ``[]``; by default 0.

        Args:
            batches: the inputs of this process in that step, batch by batch, for terms that look at the rows.
            mean: how such a term takes means over rows, so that it is one function of the whole step's rows, however
                they are divided among batches and processes.

        Returns:
            The term.
        """
        return torch.zeros(())

    def expectations(self) -> Iterator[tuple[str, str, float]]:
        """Pairs (earlier, later) of events with the factor of a penalty on a more probable later one; default: none."""
        return iter(())

    def mixture(self) -> Tensor | None:
        """How much each task draws on each expert, ``[K, E]``, of the last batch; None where nothing is mixed."""
        return None

    def mixtures(self) -> list[Tensor]:
        """The same for every stage at which experts are mixed, the first one first, :meth:`mixture` last."""
        last = self.mixture()
        return [] if last is None else [last]
