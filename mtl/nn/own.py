"""A module of the user's own as an encoder."""

from collections.abc import Callable, Mapping
from math import prod

import torch
from torch import Tensor, nn

from mtl.errors import InputError
from mtl.nn.encoder import Encoder, Inputs, InputShape
from mtl.nn.pooling import masked_mean


class OneStage(nn.Module):
    """A module called with the raw inputs, as the only stage."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """What the module makes of the inputs."""
        out: Tensor = self.module(inputs)
        return out


class Own(Encoder):
    """Any module that turns inputs into ``[B, D]`` (or ``[B, J, D]`` for a set), taken as one stage.

    In a YAML of your own, ``conf/encoder/mine.yaml``::

        _target_: mtl.nn.own.Own
        _partial_: true
        features: 64
        module:
          _target_: mypackage.networks.MyNetwork
          _partial_: true
          hidden: 64

    A module with several stages is better written as an :class:`~mtl.nn.encoder.Encoder`, so that strategies can mix
    between them.

    Args:
        input_shape: shape of one sample's inputs.
        module: makes the module, without arguments; called once for each copy that a strategy needs.
        features: D, what it returns.
    """

    def __init__(self, input_shape: InputShape, module: Callable[[], nn.Module], features: int) -> None:
        super().__init__()
        if features < 1:
            raise InputError(f"encoder.features={features}: at least 1 is needed")
        self.stages = nn.ModuleList([OneStage(module())])
        self.widths = (features,)
        shapes = input_shape if isinstance(input_shape, Mapping) else {"": input_shape}
        self.sets = {name for name, shape in shapes.items() if shape[0] is None}
        sizes = {name: prod(axis or 1 for axis in shape) for name, shape in shapes.items() if name != "mask"}
        self.summary_features = sum(sizes.values())

    def stem(self, inputs: Inputs) -> Tensor:
        return inputs if isinstance(inputs, Tensor) else next(iter(inputs.values()))

    def summary(self, inputs: Inputs) -> Tensor:
        """All inputs, flattened and side by side; a set as the mean of its members."""
        if isinstance(inputs, Tensor):
            return inputs.flatten(1)
        parts = []
        for name, value in inputs.items():
            if name in self.sets and name != "mask":
                parts.append(masked_mean(value if value.dim() > 2 else value.unsqueeze(-1), inputs["mask"]).flatten(1))
            elif name != "mask":
                parts.append(value.flatten(1))
        return torch.cat(parts, -1)
