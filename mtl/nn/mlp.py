"""Multi-layer perceptron over a flat input."""

from itertools import pairwise
from math import prod

from torch import Tensor, nn
from typing_extensions import override

from mtl.nn.activation import activation as make_activation
from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, checked_widths, dropout_of, floating, single_shape
from mtl.nn.norm import PerSourceBatchNorm, make_norm
from mtl.nn.stacked import StackedLinear


class Layer(nn.Module):
    """One stage of an :class:`MLP`: linear, norm, activation, dropout. ``[B, in] -> [B, out]``."""

    def __init__(
        self, in_features: int, out_features: int, activation: str, norm: str, dropout: float, sources: int = 0
    ) -> None:
        super().__init__()
        self.linear = StackedLinear(in_features, out_features)
        self.norm = make_norm(norm, out_features, sources=sources)
        self.activation = make_activation(activation)
        self.dropout = dropout_of(dropout)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output; ``inputs`` are read by norms of several sources only."""
        hidden = self.linear(hidden)
        by_source = isinstance(self.norm, PerSourceBatchNorm)
        hidden = self.norm(hidden, inputs["source"]) if by_source else self.norm(hidden)
        out: Tensor = self.dropout(self.activation(hidden))
        return out


class MLP(Encoder):
    """Multi-layer perceptron: the input is flattened to ``[B, F]``, each layer is one stage.

    Args:
        input_shape: ``{"x": shape}``, of any number of axes; anything else is an InputError.
        widths: features of each layer.
        activation: name of the activation after each layer (see :mod:`mtl.nn.activation`).
        norm: before the activation (see :mod:`mtl.nn.norm`).
        dropout: share of features set to zero in training.
    """

    def __init__(
        self,
        input_shape: InputShape,
        widths: tuple[int, ...] | list[int] = (256, 256),
        activation: str = "relu",
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        shape = single_shape(input_shape, "mlp", "one tensor x", range(1, 9))
        self.summary_features = prod(shape)
        self.rank = len(shape)
        self.stackable = norm in ("none", "layer")
        self.widths = checked_widths(widths)
        sizes = (self.summary_features, *self.widths)
        self.stages = nn.ModuleList(Layer(a, b, activation, norm, dropout) for a, b in pairwise(sizes))

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        return floating(inputs[SINGLE]).flatten(-self.rank)

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        return self.stem(inputs)
