"""Tables: a perceptron whose parts learn at rates of their own, after waves of numbers."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional
from typing_extensions import override

from mtl.nn.activation import activation as make_activation
from mtl.nn.encoder import Inputs, InputShape, checked_widths, dropout_of
from mtl.nn.periodic import Periodic
from mtl.nn.tabular import TableEncoder

# Relative to the matrices of layers of 256 inputs, whose rate is the optimizer's: how fast other parts learn. The
# paper's rates are 1/16 for such a matrix (1 / sqrt(256)), 6 for the scales, and 0.1 for biases and activations
SCALE_RATE, BIAS_RATE, ACTIVATION_RATE = 96.0, 1.6, 1.6
USUAL_INPUTS = 256


class RatedLayer(nn.Module):
    """One stage: linear, an activation that counts as each feature learns, dropout. ``[B, in] -> [B, out]``.

    ``a = c h W + r b`` with ``c = sqrt(256 / in)`` and ``r = 1.6``, then ``a + m (f(a) - a)`` with the activation f and
    ``m [out]``, 1 at first. At first ``c W`` has entries of variance ``1 / in``, and ``r b`` of variance 1.

    Args:
        in_features: features that come in.
        out_features: features that go out.
        activation: name of f.
        dropout: share of features set to zero in training.
    """

    def __init__(self, in_features: int, out_features: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.rate = math.sqrt(USUAL_INPUTS / in_features)
        self.weight = Parameter(torch.randn(out_features, in_features) / math.sqrt(USUAL_INPUTS))
        self.bias = Parameter(torch.randn(out_features) / BIAS_RATE)
        self.bend = Parameter(torch.zeros(out_features))
        self.activation = make_activation(activation)
        self.dropout = dropout_of(dropout)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output; it does not look at the inputs."""
        straight = functional.linear(hidden, self.rate * self.weight, BIAS_RATE * self.bias)
        share = 1 + ACTIVATION_RATE * self.bend
        out: Tensor = self.dropout(torch.lerp(straight, self.activation(straight), share.to(straight.dtype)))
        return out


class RealMLP(TableEncoder):
    """A perceptron over a table's columns with the parts and defaults that were best over many tables.

    Source: Holzmueller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
    Data", NeurIPS 2024, https://arxiv.org/abs/2407.04491.

    Numbers become vectors by :class:`~mtl.nn.periodic.Periodic`, categories have learned ones; ``x_i s_i`` with a
    learned scale for each of these features goes through the stages (:class:`RatedLayer`). Scales, biases and
    activations learn faster or slower than the matrices: of a parameter ``p = r q`` with the rate r, q is learned,
    which with Adam multiplies its rate by r. With ``optimizer.lr=0.0025`` the rates are the paper's for classes (0.04),
    with 0.0125 those for numbers (0.2). The paper's other parts are options of a run: ``task.numbers=robust``,
    ``smoothing: 0.1`` of a target, ``optimizer=adamw optimizer.weight_decay=0.32 optimizer.betas=[0.9,0.95]``.

    Deviations: one activation for tasks of all kinds, where the paper takes SELU for classes and Mish for numbers; all
    categories have vectors, not only those of more than eight values, and the one of missing values learns, too; a
    number that is missing says so by an indicator; first values do not depend on the data (as in the paper's simpler
    variant); dropout, weight decay, which also acts on biases, and label smoothing do not change in the course of
    training; the learning rate is that of the run's scheduler.

    Args:
        input_shape: of numbers and categories, see :class:`~mtl.nn.tabular.TableEncoder`.
        widths: features of each stage.
        waves: of a number.
        number: features of a number's vector.
        embedding: features of a category's vector.
        values: vectors of each category column.
        activation: name of the activation after each layer (see :mod:`mtl.nn.activation`).
        dropout: share of features set to zero in training.

    Raises:
        InputError: other inputs, or a size below 1.
    """

    def __init__(
        self,
        input_shape: InputShape,
        widths: tuple[int, ...] | list[int] = (256, 256, 256),
        waves: int = 16,
        number: int = 4,
        embedding: int = 8,
        values: int = 64,
        activation: str = "mish",
        dropout: float = 0.15,
    ) -> None:
        super().__init__("realmlp", input_shape, embedding, values)
        self.widths = checked_widths(widths)
        numbers = self.number_columns
        self.curves = Periodic(numbers, waves, number) if numbers else None
        features = numbers * (1 + number) + self.category_columns * embedding
        self.scales = Parameter(torch.zeros(features))
        self.stages = nn.ModuleList(
            RatedLayer(a, b, activation, dropout) for a, b in pairwise((features, *self.widths))
        )

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        return self._features(inputs, self.curves) * (1 + SCALE_RATE * self.scales)
