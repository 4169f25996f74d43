"""Small residual network of convolutions over series or pictures."""

from math import prod

from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.config.switches import check_switch
from mtl.nn.activation import activation as make_activation
from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, checked_widths, floating, single_shape
from mtl.nn.norm import make_norm

SUMMARY_POSITIONS = 4  # along each axis of the summary that gates read


class PositionMean(nn.Module):
    """Average over all positions: ``[B, ..., H] -> [B, H]``."""

    def forward(self, hidden: Tensor) -> Tensor:
        """The average, ``[B, H]``."""
        return hidden.flatten(1, -2).mean(1)


class ResidualBlock(nn.Module):
    """Two convolutions with norms, a residual around them: ``[B, ..., H] -> [B, ..., H']``, features last.

    He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, https://arxiv.org/abs/1512.03385.

    Args:
        axes: 1 for series, 2 for pictures.
        in_features: H.
        out_features: H'.
        stride: of the first convolution; 2 halves every axis.
        activation: its name, see :mod:`mtl.nn.activation`.
        norm: its name, see :mod:`mtl.nn.norm`.
        after: applied to the output, such as an average over the positions.
    """

    def __init__(
        self,
        axes: int,
        in_features: int,
        out_features: int,
        stride: int,
        activation: str,
        norm: str,
        after: nn.Module,
    ) -> None:
        super().__init__()
        convolution = nn.Conv1d if axes == 1 else nn.Conv2d
        self.first = convolution(in_features, out_features, 3, stride, padding=1)
        self.second = convolution(out_features, out_features, 3, padding=1)
        self.first_norm = make_norm(norm, out_features, axes + 1)
        self.second_norm = make_norm(norm, out_features, axes + 1)
        same = stride == 1 and in_features == out_features
        self.skip = nn.Identity() if same else convolution(in_features, out_features, 1, stride)
        self.activation = make_activation(activation)
        self.after = after

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """The stage's output, ``[B, ..., H']``."""
        before = hidden.movedim(-1, 1)  # torch wants features second
        inner = self.activation(self.first_norm(self.first(before).movedim(1, -1))).movedim(-1, 1)
        sum_: Tensor = self.second_norm(self.second(inner).movedim(1, -1)) + self.skip(before).movedim(1, -1)
        out: Tensor = self.after(self.activation(sum_))
        return out


class Convolution(Encoder):
    """Residual network over series ``[B, C, T]`` or pictures ``[B, C, H, W]``; each block is a stage.

    States have their features last, ``[B, T', H]`` or ``[B, H', W', H]``; the last stage averages over the positions,
    so that the representation is ``[B, D]``, or keeps them as ``[B, J, D]``, row by row, for tasks with an answer at
    every position. Every stage but the first halves the positions along each axis.

    Args:
        input_shape: ``{"x": (C, T)}`` or ``{"x": (C, H, W)}``; anything else is an InputError.
        widths: features of each stage.
        activation: name of the activation (see :mod:`mtl.nn.activation`).
        norm: see :mod:`mtl.nn.norm`.
        average: over the positions at the end.
        patch: inputs along each axis that make one position of the first stage; more is cheaper and coarser.
    """

    def __init__(
        self,
        input_shape: InputShape,
        widths: tuple[int, ...] | list[int] = (32, 64),
        activation: str = "relu",
        norm: str = "group",
        average: bool = True,
        patch: int = 1,
    ) -> None:
        super().__init__()
        shape = single_shape(input_shape, "convolution", "series x (C, T) or pictures x (C, H, W)", (2, 3))
        check_number("encoder.patch", patch, whole=True, least=1)
        check_switch("encoder.average", average)
        self.axes = len(shape) - 1
        self.widths = checked_widths(widths)
        convolution = nn.Conv1d if self.axes == 1 else nn.Conv2d
        self.embed = convolution(shape[0], self.widths[0], 2 * patch + 1, patch, padding=patch)
        sizes = (self.widths[0], *self.widths)
        self.stages = nn.ModuleList(
            ResidualBlock(
                axes=self.axes,
                in_features=sizes[i],
                out_features=width,
                stride=1 if i == 0 else 2,
                activation=activation,
                norm=norm,
                after=nn.Identity() if i < len(self.widths) - 1 else PositionMean() if average else nn.Flatten(1, -2),
            )
            for i, width in enumerate(self.widths)
        )
        self.summary_size = tuple(min(SUMMARY_POSITIONS, size) for size in shape[1:])
        self.summary_features = shape[0] * prod(self.summary_size)

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        out: Tensor = self.embed(floating(inputs[SINGLE])).movedim(1, -1)
        return out

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """The input, averaged to at most 4 positions along each axis."""
        values = floating(inputs[SINGLE])
        if self.axes == 1:
            return functional.adaptive_avg_pool1d(values, self.summary_size[0]).flatten(1)
        return functional.adaptive_avg_pool2d(values, (self.summary_size[0], self.summary_size[1])).flatten(1)
