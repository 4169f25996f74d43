"""Experts that all tasks draw on, as soft and gated sharing have them."""

from mtl.errors import InputError
from mtl.nn.encoder import InputShape
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
