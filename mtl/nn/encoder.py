"""What every encoder promises: inputs to a representation, stage by stage."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mtl.config.numbers import as_given, is_number
from mtl.errors import InputError

Inputs = Mapping[str, Tensor]  # by name, [B, ...] each
# By name, without the batch axis. None marks the axis of a set, whose members inputs["mask"] [B, J] tells apart from
# padding.
InputShape = Mapping[str, tuple[int | None, ...]]
SINGLE = "x"  # the name of a suite's only input
# Encoders by an input that they read, for messages; what has none of these names is one tensor
ENCODERS = {"candidates": "candidate_set", "tokens": "transformer", "numbers": "tabular", "categories": "tabular"}


def single_shape(input_shape: InputShape, encoder: str, reads: str, axes: Sequence[int]) -> tuple[int, ...]:
    """The shape of the one tensor that an encoder reads.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        encoder: name of the encoder that asks, for the message.
        reads: what it reads, for the message.
        axes: how many axes the tensor may have.

    Returns:
        The shape, without the batch axis.

    Raises:
        InputError: the inputs are something else; names the encoder that fits.
    """
    shape = tuple(size for size in input_shape.get(SINGLE, ()) if size is not None)
    if set(input_shape) != {SINGLE} or len(shape) not in axes:
        raise wrong_inputs(encoder, reads, input_shape)
    return shape


def floating(values: Tensor) -> Tensor:
    """Inputs as numbers that weights can multiply; a suite may serve whole ones, such as pictures of bytes."""
    return values if values.is_floating_point() else values.float()


def wrong_inputs(encoder: str, reads: str, input_shape: InputShape) -> InputError:
    """An :class:`InputError` for inputs that an encoder cannot read; names the encoder that fits."""
    named = (ENCODERS[name] for name in input_shape if name in ENCODERS)
    single = "mlp" if len(input_shape.get(SINGLE, ())) == 1 else "convolution"
    shown = ", ".join(f"{name} {shape}" for name, shape in input_shape.items())
    fitting = next(named, single if SINGLE in input_shape else None)
    if fitting is None:
        return InputError(
            f"encoder={encoder} reads {reads}, this task gives {shown}: use an encoder of your own, such as a module "
            "that takes them by name in mtl.nn.custom.CustomEncoder"
        )
    flat = ", or task.form=flat" if fitting == "tabular" and encoder == "mlp" else ""
    return InputError(f"encoder={encoder} reads {reads}, this task gives {shown}: use encoder={fitting}{flat}")


def checked_widths(widths: Sequence[int]) -> tuple[int, ...]:
    """``encoder.widths`` as the widths of an encoder's stages. InputError if there are none or one is no size."""
    several = isinstance(widths, Sequence) and not isinstance(widths, str)
    if not several or not widths or not all(is_number(width, whole=True) and width >= 1 for width in widths):
        raise InputError(
            f"encoder.widths={list(widths) if several else widths}: expected the features of one stage or more, such "
            "as encoder.widths=[256]"
        )
    return tuple(int(width) for width in widths)


def check_attention(width: int, heads: int, depth: int) -> None:
    """Raise InputError if ``heads`` attention heads cannot divide ``width`` features, or there is no layer at all."""
    sizes = (width, heads, depth)
    if not all(is_number(size, whole=True) and size >= 1 for size in sizes) or width % heads:
        raise InputError(
            f"encoder.width={width}, heads={heads}, depth={depth}: expected whole numbers, 1 or more each, and a "
            "width that is a multiple of heads"
        )


def dropout_of(share: float, option: str = "encoder.dropout") -> nn.Dropout:
    """Dropout of a share of the features; InputError, which names the option, unless that is 0 or more and below 1."""
    if not is_number(share) or not 0 <= share < 1:
        raise InputError(f"{option}={as_given(share)}: expected a share of 0 or more and below 1")
    return nn.Dropout(share)


class Encoder(nn.Module, ABC):
    """A trunk that a sharing strategy instantiates once, per task or per expert.

    ``stem`` turns the raw inputs into the first hidden state; ``stages`` follow one another, each called as
    ``stage(hidden, inputs)``. Strategies that mix tasks between stages walk through ``stages``; the others call the
    encoder.

    Attributes:
        stages: the stages, in order; at least one.
        widths: features after each stage.
        summary_features: S, the width of :meth:`summary`.
        stackable: made of :mod:`mtl.nn.stacked` layers and indifferent to leading axes, so that many of one shape can
            be computed as one (see :mod:`mtl.nn.replicas`).
        members: M, how many rows it makes of every row of the inputs, one behind the other: of an ensemble in one
            network. :class:`~mtl.network.Network` takes the mean of their predictions.
    """

    stages: nn.ModuleList
    widths: tuple[int, ...]
    summary_features: int
    stackable: bool = False
    members: int = 1

    @property
    def out_features(self) -> int:
        """D, the features of the representation."""
        return self.widths[-1]

    @abstractmethod
    def stem(self, inputs: Inputs) -> Tensor:
        """The first hidden state, ``[B, ..., H]``."""

    @abstractmethod
    def summary(self, inputs: Inputs) -> Tensor:
        """A parameter-free view of the raw inputs, ``[B, S]``, for gates that choose by what the sample is."""

    def forward(self, inputs: Inputs) -> Tensor:
        """Inputs to representation ``[B, ..., D]``."""
        hidden = self.stem(inputs)
        for stage in self.stages:
            hidden = stage(hidden, inputs)
        return hidden
