"""Encoders walked side by side, stage by stage, for strategies that mix what they compute on the way."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from mtl.nn.encoder import Encoder, Inputs
from mtl.nn.replicas import Replicas


class Towers(Replicas):
    """C encoders of one shape, run in lockstep; what they compute is ``[C, B, ..., H]``.

    Where they are stackable each stage is one batched product (:class:`~mtl.nn.replicas.Replicas`), and a parameter is
    that of all towers. So towers whose parameters are to be private need one object each.

    Args:
        encoders: the towers; at least one. They are used up.

    Attributes:
        depth: L, the number of stages.
        widths: features after each stage.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        super().__init__(encoders)
        self.depth = len(self.encoder.stages)
        self.widths = self.encoder.widths

    def first(self, inputs: Inputs) -> Tensor:
        """What each tower makes of the inputs up to the end of its first stage."""
        if self.stackable:
            inputs = self._spread(inputs)
            out: Tensor = self.encoder.stages[0](self.encoder.stem(inputs), inputs)
            return out
        return torch.stack([tower.stages[0](tower.stem(inputs), inputs) for tower in self.encoders()])

    def stage(self, index: int, hidden: Tensor, inputs: Inputs) -> Tensor:
        """Stage ``index`` of each tower on a state of its own, ``[C, B, ..., H] -> [C, B, ..., H']``."""
        if self.stackable:
            out: Tensor = self.encoder.stages[index](hidden, self._spread(inputs))
            return out
        pairs = zip(self.encoders(), hidden, strict=True)
        return torch.stack([tower.stages[index](state, inputs) for tower, state in pairs])

    def parameters_at(self, index: int) -> list[Tensor]:
        """The parameters of stage ``index``, each as ``[C, *shape]``."""
        if self.stackable:
            return list(self.encoder.stages[index].parameters())
        each = [list(tower.stages[index].parameters()) for tower in self.encoders()]
        return [torch.stack(parts) for parts in zip(*each, strict=True)]

    def encoders(self) -> list[Encoder]:
        """The towers; where they are stacked, the one that stands for all."""
        return [cast(Encoder, copy) for copy in self.copies]
