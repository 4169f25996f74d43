"""What every encoder promises: inputs to a representation, stage by stage."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

Inputs = Tensor | Mapping[str, Tensor]
# Without the batch axis. In a mapping, None marks the axis of a set, whose members inputs["mask"] [B, J] tells apart
# from padding.
InputShape = tuple[int, ...] | Mapping[str, tuple[int | None, ...]]


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
    """

    stages: nn.ModuleList
    widths: tuple[int, ...]
    summary_features: int
    stackable: bool = False

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
