"""One trunk that is told the preference among the tasks as a further input."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from typing_extensions import override

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs, InputShape, floating
from mtl.sharing.base import EncoderFactory
from mtl.sharing.preferring import Preferring

NUMBERS, CONTEXT = "numbers", "context"


class Conditioned(Preferring):
    """Hard sharing of a trunk that sees the preference p beside the inputs: ``f_i(x) = g([x, p])``.

    Source: Ruchte and Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective Learning" (COSMOS), ICDM
    2021, https://arxiv.org/abs/2103.13392; its objective is ``weighting=cosmos``.

    A row of numbers gets K more of them, a table's categories beside them stay as they are, a set of candidates gets
    them in its context. A picture or a series gets K more channels, each of one value.

    Deviation: the paper's code makes a picture's channels of p by two transposed convolutions, whose size fits one size
    of pictures.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        task_names: the tasks, in order.
        encoder: builds an encoder for the inputs with p.
        concentration: of the distribution that p is drawn from; see :class:`~mtl.sharing.preferring.Preferring`.

    Raises:
        InputError: no input can take numbers beside it, as of texts.
    """

    def __init__(
        self,
        input_shape: InputShape,
        task_names: Sequence[str],
        encoder: EncoderFactory,
        concentration: float = 1.0,
    ) -> None:
        super().__init__(input_shape, task_names, encoder, concentration)
        self.extended = extended_input(input_shape)
        channels, *others = input_shape.get(self.extended, (0,))
        assert channels is not None
        shape = {**input_shape, self.extended: (channels + len(self.task_names), *others)}
        self.trunk = encoder(shape)
        self.out_features = self.trunk.out_features

    @override
    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        hidden = self.trunk({**inputs, self.extended: self._with_preference(inputs)})
        return dict.fromkeys(self.task_names, hidden)

    def _with_preference(self, inputs: Inputs) -> Tensor:
        """The input that is extended, ``[B, C + K, ...]``."""
        found = inputs.get(self.extended)
        if found is None:  # a table of categories alone
            rows = next(iter(inputs.values())).shape[0]
            return self.preference.expand(rows, -1)
        found = floating(found)  # as whole numbers all shares would be 0
        values = self.preference.to(found.dtype)
        for _ in range(found.dim() - 2):
            values = values.unsqueeze(-1)
        return torch.cat([found, values.expand(found.shape[0], -1, *found.shape[2:])], 1)

    @override
    def last_shared_layer(self) -> Iterator[Parameter]:
        return self.trunk.stages[-1].parameters()


def extended_input(shape: InputShape) -> str:
    """The name of the input that takes numbers beside it. InputError if there is none."""
    for name in (SINGLE, NUMBERS, CONTEXT):
        if name in shape and None not in shape[name]:
            return name
    if "categories" in shape:
        return NUMBERS
    raise InputError(
        f"model=conditioned: the preference is a further number of the inputs, and these are {', '.join(shape)}: use "
        "model=palora"
    )
