"""Several encoders of one shape, computed together."""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from mtl.errors import InputError
from mtl.nn.by_name import ModulesByName
from mtl.nn.encoder import Encoder, Inputs


class Replicas(nn.Module):
    """Encoders of one shape, all given the same inputs: ``inputs -> [E, *out]``.

    Where they are ``stackable`` - made of :mod:`mtl.nn.stacked` layers, with no regard to how many axes lead - they
    become one module whose parameters are stacked, ``[E, ...]``, and every layer is one batched product, so the number
    of kernels does not grow with E. Others are called one after the other.

    Args:
        copies: the E encoders, independently initialised; at least one. They are used up.
        names: by which copies that are not stacked are registered, such as those of the tasks; by default numbers.

    Raises:
        InputError: one encoder twice.
    """

    def __init__(self, copies: Sequence[Encoder], names: Sequence[str] = ()) -> None:
        super().__init__()
        if len({id(copy) for copy in copies}) < len(copies):
            raise InputError("encoder: what makes it gives the same one again: expected a new one from each call")
        self.count = len(copies)
        self.stackable = copies[0].stackable
        names = names or [str(number) for number in range(self.count)]
        self.copies = ModulesByName(
            {"stacked": stacked(copies)} if self.stackable else dict(zip(names, copies, strict=True))
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """The same inputs through every copy: ``[E, *out]``."""
        if not self.stackable:
            return torch.stack([copy(inputs) for copy in self.copies.values()])
        out: Tensor = self.copies["stacked"](self.expand(inputs))
        return out

    @property
    def encoder(self) -> Encoder:
        """One of them, for its sizes and its summary of the inputs."""
        return self.encoders()[0]

    def encoders(self) -> list[Encoder]:
        """The copies; where they are stacked, the one that stands for all."""
        return [cast(Encoder, copy) for copy in self.copies.values()]

    def stacked_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters ``[E, ...]`` that stack those of all copies; none where each copy is a module."""
        return self.copies.parameters() if self.stackable else iter(())

    def last_stage(self) -> Iterator[nn.Parameter]:
        """The parameters of their last stages."""
        return (p for encoder in self.encoders() for p in encoder.stages[-1].parameters())

    def expand(self, inputs: Inputs) -> Inputs:
        """The inputs with a leading axis E, without copying them."""
        return {name: value.expand(self.count, *value.shape) for name, value in inputs.items()}


def stacked(copies: Sequence[nn.Module]) -> nn.Module:
    """The first of these modules of one shape, its parameters and buffers now those of all, ``[E, ...]``.

    What does not learn in the copies does not learn here, and a parameter with two names stays one.
    """
    parameters, buffers = stack_module_state(list(copies))
    names = {id(one): name for name, one in copies[0].named_parameters()}
    made = {
        name: nn.Parameter(value.detach().clone(), requires_grad=value.requires_grad)
        for name, value in parameters.items()
    }
    for name, one in list(copies[0].named_parameters(remove_duplicate=False)):
        owner, _, attribute = name.rpartition(".")
        setattr(copies[0].get_submodule(owner), attribute, made[names[id(one)]])
    for name, value in buffers.items():
        owner, _, attribute = name.rpartition(".")
        copies[0].get_submodule(owner).register_buffer(attribute, value)
    return copies[0]
