"""What soft and gated sharing have in common: experts that all tasks draw on."""

from collections.abc import Iterator

from torch.nn import Parameter

from mtl.errors import InputError
from mtl.nn.encoder import Encoder, InputShape
from mtl.nn.replicas import Replicas
from mtl.sharing.base import EncoderFactory


class Experts(Replicas):
    """E encoders of one shape, all run on every input as one batched product: ``[E, B, ..., D]``.

    Args:
        input_shape: shape of one sample's inputs.
        encoder: builds one expert.
        count: E, at least 1.
    """

    def __init__(self, input_shape: InputShape, encoder: EncoderFactory, count: int) -> None:
        if count < 1:
            raise InputError(f"model.experts={count}: at least 1 is needed")
        super().__init__(lambda: encoder(input_shape), count)

    @property
    def encoder(self) -> Encoder:
        """The shape of one expert (it holds no values)."""
        template = self._template[0]
        assert isinstance(template, Encoder)
        return template

    def last_stage(self) -> Iterator[Parameter]:
        """The stacked parameters of the experts' last stage."""
        return self.stage_parameters(f"stages.{len(self.encoder.stages) - 1}.")
