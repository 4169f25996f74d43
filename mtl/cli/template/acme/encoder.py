"""An encoder: inputs to a representation, in stages."""

import torch
from torch import Tensor, nn

from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, single_shape


class Stage(nn.Module):
    """``tanh(A h + b)``."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The next hidden state; ``inputs`` are at hand for stages that look at them again."""
        return torch.tanh(self.linear(hidden))


class Products(Encoder):
    """Reads a row of numbers together with the products of each two of them.

    Args:
        input_shape: ``{"x": (features,)}``.
        width: features of both stages.
    """

    def __init__(self, input_shape: InputShape, width: int = 32) -> None:
        super().__init__()
        (features,) = single_shape(input_shape, "products", "a row of numbers x", [1])
        self.summary_features = features
        self.widths = (width, width)
        self.stages = nn.ModuleList([Stage(features + features**2, width), Stage(width, width)])

    def stem(self, inputs: Inputs) -> Tensor:
        """The numbers and their products, ``[B, F + F * F]``."""
        x = inputs[SINGLE]
        return torch.cat([x, (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)], -1)

    def summary(self, inputs: Inputs) -> Tensor:
        """What gates may look at: the row itself."""
        return inputs[SINGLE]
