"""Encoders walked side by side, stage by stage, for strategies that mix what they compute on the way."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from mtl.nn.encoder import Encoder, Inputs


class Towers(nn.Module):
    """Named encoders of one shape, run in lockstep.

    Args:
        encoders: by name; at least one.

    Attributes:
        depth: L, the number of stages.
        widths: features after each stage.
    """

    def __init__(self, encoders: Mapping[str, Encoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        first = next(iter(encoders.values()))
        self.depth = len(first.stages)
        self.widths = first.widths

    def __getitem__(self, name: str) -> Encoder:
        return cast(Encoder, self.encoders[name])

    def first(self, inputs: Inputs) -> dict[str, Tensor]:
        """What each tower makes of the inputs up to the end of its first stage."""
        return {name: self[name].stages[0](self[name].stem(inputs), inputs) for name in self.encoders}

    def stage(self, index: int, hidden: Mapping[str, Tensor], inputs: Inputs) -> dict[str, Tensor]:
        """Stage ``index`` of each tower on a hidden state of its own, ``[B, ..., H] -> [B, ..., H']``."""
        return {name: self[name].stages[index](hidden[name], inputs) for name in self.encoders}

    def last_stage(self) -> list[nn.Parameter]:
        """The parameters of the towers' last stages."""
        return [p for name in self.encoders for p in self[name].stages[-1].parameters()]
