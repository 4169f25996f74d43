"""Several encoders of one shape, computed together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from mtl.nn.encoder import Encoder


class Replicas(nn.Module):
    """Encoders of one shape, all given the same inputs: ``inputs -> [E, *out]``.

    Where they are ``stackable`` - made of :mod:`mtl.nn.stacked` layers, with no regard to how many axes lead - they
    become one module whose parameters are stacked, ``[E, ...]``, and every layer is one batched product, so the number
    of kernels does not grow with E. Others are called one after the other.

    Args:
        copies: the E encoders, independently initialised; at least one. They are used up.
    """

    def __init__(self, copies: Sequence[Encoder]) -> None:
        super().__init__()
        self.count = len(copies)
        self.stackable = copies[0].stackable
        self.copies = nn.ModuleList([stacked(copies)] if self.stackable else copies)

    def forward(self, inputs: Any) -> Tensor:
        """The same inputs through every copy: ``[E, *out]``."""
        if not self.stackable:
            return torch.stack([copy(inputs) for copy in self.copies])
        out: Tensor = self.copies[0](self._spread(inputs))
        return out

    @property
    def encoder(self) -> Encoder:
        """One of them, for its sizes and its summary of the inputs."""
        return cast(Encoder, self.copies[0])

    def last_stage(self) -> Iterator[nn.Parameter]:
        """The parameters of their last stages."""
        return (p for copy in self.copies for p in cast(Encoder, copy).stages[-1].parameters())

    def _spread(self, inputs: Any) -> Any:
        """The inputs with a leading axis E, without copying them."""
        if isinstance(inputs, Mapping):
            return {name: self._spread(value) for name, value in inputs.items()}
        return inputs.expand(self.count, *inputs.shape)


def stacked(copies: Sequence[nn.Module]) -> nn.Module:
    """The first of these modules of one shape, its parameters and buffers now those of all, ``[E, ...]``."""
    parameters, buffers = stack_module_state(list(copies))
    for name, value in parameters.items():
        owner, _, own = name.rpartition(".")
        setattr(copies[0].get_submodule(owner), own, nn.Parameter(value.detach().clone()))
    for name, value in buffers.items():
        owner, _, own = name.rpartition(".")
        copies[0].get_submodule(owner).register_buffer(own, value)
    return copies[0]
