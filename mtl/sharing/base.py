"""What every sharing strategy promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.nn.encoder import Encoder, Inputs, InputShape

EncoderFactory = Callable[[InputShape], Encoder]


class Sharing(nn.Module, ABC):
    """Which parameters serve which task: inputs to one representation per task.

    Args:
        input_shape: shape of one sample's inputs.
        task_names: the tasks, in order.
        encoder: builds an encoder for that shape; called once, per task or per expert.

    Attributes:
        out_features: D, the features of every task's representation.
    """

    out_features: int

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.task_names = tuple(task_names)

    @abstractmethod
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """Inputs to ``{task: [B, ..., D]}``."""

    @abstractmethod
    def private_parameters(self, task: str) -> Iterator[Parameter]:
        """The parameters of this strategy that only ``task``'s representation depends on. All others are shared.

        What counts is the whole parameter: one that stacks something for every task is shared, though each uses its own
        slice.
        """

    @abstractmethod
    def last_shared_layer(self) -> Iterator[Parameter]:
        """The shared parameters nearest to the heads, at which some weightings compare gradients; empty if none is
        shared."""

    def shared_parameters(self) -> Iterator[Parameter]:
        """The parameters that the representations of two or more tasks depend on."""
        private = {id(p) for task in self.task_names for p in self.private_parameters(task)}
        return (p for p in self.parameters() if id(p) not in private)

    def penalty(self) -> Tensor:
        """A term to add to the objective, ``[]``; by default 0."""
        return torch.zeros(())

    def mixture(self) -> Tensor | None:
        """How much each task draws on each expert, ``[K, E]``, of the last batch; None where nothing is mixed."""
        return None
