"""Tables: many perceptrons that share nearly all weights, in one network."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import Parameter, functional
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.nn.activation import activation as make_activation
from mtl.nn.encoder import Inputs, InputShape, checked_widths, dropout_of
from mtl.nn.piecewise import PiecewiseLinear
from mtl.nn.tabular import TableEncoder


class MemberLayer(nn.Module):
    """One stage of M perceptrons that share a weight matrix W: ``[B M, in] -> [B M, out]``, rows of a sample adjacent.

    Member m computes ``dropout(activation(((h * r_m) W) * s_m + b_m))``; the vectors r, s and b are its own.

    Args:
        in_features: of a member.
        out_features: of a member.
        members: M.
        activation: name of the activation.
        dropout: share of features set to zero in training.
        scales: first values of r, ``[M, in]``; None: ones.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        members: int,
        activation: str,
        dropout: float,
        scales: Tensor | None = None,
    ) -> None:
        super().__init__()
        linear = nn.Linear(in_features, out_features)
        self.weight = Parameter(linear.weight.detach())
        self.bias = Parameter(linear.bias.detach().repeat(members, 1))
        self.before = Parameter(torch.ones(members, in_features) if scales is None else scales)
        self.after = Parameter(torch.ones(members, out_features))
        self.activation = make_activation(activation)
        self.dropout = dropout_of(dropout)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output; it does not look at the inputs."""
        members = hidden.view(-1, *self.before.shape)
        # Under autocast factors in single precision would make the states as slow as without it
        out = functional.linear(members * self.before.to(members.dtype), self.weight)
        out = out * self.after.to(out.dtype) + self.bias.to(out.dtype)
        dropped: Tensor = self.dropout(self.activation(out))
        return dropped.flatten(0, 1)


class TabM(TableEncoder):
    """An ensemble of M perceptrons over a table's columns that is trained as one network.

    Source: Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling",
    ICLR 2025, https://arxiv.org/abs/2410.24210; the layers are those of Wen, Tran, Ba, "BatchEnsemble", ICLR 2020,
    https://arxiv.org/abs/2002.06715.

    The M members of a sample go through every stage, gate and head as M rows. The loss is the mean of the members'
    losses, so that each member learns by itself; a prediction is the mean of their predictions (of probabilities, where
    they are some; see :attr:`mtl.tasks.Task.merge`). Numbers become vectors by
    :class:`~mtl.nn.piecewise.PiecewiseLinear`, with an indicator of those that are missing; categories have learned
    vectors.

    Deviations: the paper is about one target, here every sharing strategy and any number of tasks may use the trunk.
    The head of a task is one for all members, which differ in what the last stage hands to it (``s_m`` and ``b_m``),
    where the paper has a linear layer of each member. Four members are the default, where it has 32: two to four times
    the time of one perceptron, and most of what eight reach (docs/trees.md).

    Args:
        input_shape: of numbers and categories, see :class:`~mtl.nn.tabular.TableEncoder`.
        widths: features of each stage.
        members: M.
        bins: T of the piecewise-linear embedding.
        embedding: features of a number's, and of a category's vector.
        values: vectors of each category column.
        activation: name of the activation after each layer (see :mod:`mtl.nn.activation`).
        dropout: share of features set to zero in training.

    Raises:
        InputError: other inputs, or a size below 1.
    """

    def __init__(
        self,
        input_shape: InputShape,
        widths: tuple[int, ...] | list[int] = (192, 192),
        members: int = 4,
        bins: int = 48,
        embedding: int = 16,
        values: int = 64,
        activation: str = "relu",
        dropout: float = 0.1,
    ) -> None:
        super().__init__("tabm", input_shape, embedding, values)
        check_number("encoder.members", members, whole=True, least=1)
        self.members, self.widths = members, checked_widths(widths)
        numbers, columns = self.number_columns, self.number_columns + self.category_columns
        self.curves = PiecewiseLinear(numbers, bins, embedding) if numbers else None
        # One first scale for all features of a column: members look at columns, not at features, in unlike ways
        each = torch.tensor([1] * numbers + [embedding] * columns)
        scales = torch.randn(members, len(each)).repeat_interleave(each, 1)
        sizes = pairwise((int(each.sum()), *self.widths))
        self.stages = nn.ModuleList(
            MemberLayer(a, b, members, activation, dropout, scales if i == 0 else None)
            for i, (a, b) in enumerate(sizes)
        )

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        return self._features(inputs, self.curves).repeat_interleave(self.members, 0)

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """As of :class:`~mtl.nn.tabular.TableEncoder`, for every member."""
        return super().summary(inputs).repeat_interleave(self.members, 0)
