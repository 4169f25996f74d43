"""Encoders walked side by side, stage by stage, for strategies that mix what they compute on the way."""

from collections.abc import Sequence

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
        names: see :class:`~mtl.nn.replicas.Replicas`.

    Attributes:
        depth: L, the number of stages.
        widths: features after each stage.
    """

    def __init__(self, encoders: Sequence[Encoder], names: Sequence[str] = ()) -> None:
        super().__init__(encoders, names)
        self.depth = len(self.encoder.stages)
        self.widths = self.encoder.widths

    def first_stage(self, inputs: Inputs) -> Tensor:
        """The state of each tower after its first stage, ``[C, B, ..., H]``."""
        if self.stackable:
            inputs = self.expand(inputs)
            out: Tensor = self.encoder.stages[0](self.encoder.stem(inputs), inputs)
            return out
        return torch.stack([tower.stages[0](tower.stem(inputs), inputs) for tower in self.encoders()])

    def stage(self, index: int, hidden: Tensor, inputs: Inputs) -> Tensor:
        """Stage ``index`` of each tower on a state of its own, ``[C, B, ..., H] -> [C, B, ..., H']``."""
        if self.stackable:
            out: Tensor = self.encoder.stages[index](hidden, self.expand(inputs))
            return out
        pairs = zip(self.encoders(), hidden, strict=True)
        return torch.stack([tower.stages[index](state, inputs) for tower, state in pairs])

    def parameters_at(self, index: int) -> list[Tensor]:
        """The parameters of stage ``index``, each as ``[C, *shape]``."""
        if self.stackable:
            return list(self.encoder.stages[index].parameters())
        each = [list(tower.stages[index].parameters()) for tower in self.encoders()]
        return [torch.stack(parts) for parts in zip(*each, strict=True)]
