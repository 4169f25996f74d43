"""What soft and gated sharing have in common: experts that all tasks draw on."""

from collections.abc import Iterator
from typing import cast

from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Encoder, InputShape
from mtl.nn.replicas import Replicas
from mtl.sharing.base import EncoderFactory


class Experts(Replicas):
    """E encoders of one shape, all run on every input: ``[E, B, ..., D]``.

    Args:
        input_shape: shape of one sample's inputs.
        encoder: builds one expert.
        count: E, at least 1.
    """

    def __init__(self, input_shape: InputShape, encoder: EncoderFactory, count: int) -> None:
        if count < 1:
            raise InputError(f"model.experts={count}: at least 1 is needed")
        super().__init__([encoder(input_shape) for _ in range(count)])

    @property
    def encoder(self) -> Encoder:
        """One expert, for its sizes and its summary of the inputs."""
        return cast(Encoder, self.copies[0])

    def last_stage(self) -> Iterator[Parameter]:
        """The parameters of the experts' last stage."""
        return (p for copy in self.copies for p in cast(Encoder, copy).stages[-1].parameters())
