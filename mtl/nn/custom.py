"""A module of the user's as an encoder."""

from collections.abc import Callable
from math import prod
from weakref import WeakSet

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, floating
from mtl.nn.pooling import masked_mean


class OneStage(nn.Module):
    """A module called with the raw inputs, as the only stage.

    Args:
        module: any module that returns ``[B, D]``, ``[B, J, D]`` or ``[B, H, W, D]``.
        single: it is called with the tensor of the only input, not with a mapping.
    """

    def __init__(self, module: nn.Module, single: bool) -> None:
        super().__init__()
        self.module = module
        self.single = single

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """What the module returns for the inputs."""
        out: Tensor = self.module(inputs[SINGLE] if self.single else inputs)
        return out


IN_USE: WeakSet[nn.Module] = WeakSet()  # modules that are in an encoder


def made_anew(factory: Callable[[], nn.Module]) -> nn.Module:
    """What a factory makes. InputError if that is no module, or one that it has made before.

    Copies that are one object would share their weights, and a run would begin with those that another has trained.
    """
    made = factory()
    if not isinstance(made, nn.Module):
        raise InputError(f"encoder.module: expected what makes a module of torch, and it makes a {type(made).__name__}")
    if made in IN_USE:
        raise InputError(
            f"encoder.module: it gives the same {type(made).__name__} again, which is in use: expected a new one from "
            "each call"
        )
    IN_USE.add(made)
    return made


class CustomEncoder(Encoder):
    """Any module that turns inputs into ``[B, D]`` (or ``[B, J, D]`` for a set), taken as one stage.

    Features are last, also where the places of a picture are kept, ``[B, H, W, D]``, for heads that answer for each.

    The module is called with the tensor where the task gives a single one, else with the mapping of all.

    In a YAML of your own, ``conf/encoder/mine.yaml``::

        _target_: mtl.nn.custom.CustomEncoder
        _partial_: true
        features: 64
        module:
          _target_: mypackage.networks.MyNetwork
          _partial_: true
          hidden: 64

    A module with several stages is better written as an :class:`~mtl.nn.encoder.Encoder`, so that strategies can mix
    between them.

    Args:
        input_shape: shapes of one sample's inputs, by name.
        module: makes the module, without arguments; called once for each copy that a strategy needs.
        features: D, what it returns.

    Raises:
        InputError: a module that is made already, or is the same in every call; features below 1.
    """

    def __init__(self, input_shape: InputShape, module: Callable[[], nn.Module], features: int) -> None:
        super().__init__()
        if isinstance(module, nn.Module):
            raise InputError(
                "encoder.module: expected what makes a module, a class or a function, and it is one that is made; in "
                "a YAML add _partial_: true"
            )
        check_number("encoder.features", features, whole=True, least=1)
        self.stages = nn.ModuleList([OneStage(made_anew(module), single=set(input_shape) == {SINGLE})])
        self.widths = (features,)
        self.sets = {name for name, shape in input_shape.items() if shape[0] is None}
        sizes = {name: prod(axis or 1 for axis in shape) for name, shape in input_shape.items() if name != "mask"}
        self.summary_features = sum(sizes.values())

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        return next(iter(inputs.values()))

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """All inputs, flattened and side by side, 0 where one is missing; a set as the mean of its members."""
        parts = []
        for name, given in inputs.items():
            value = floating(given)
            if name in self.sets and name != "mask":
                parts.append(masked_mean(value if value.dim() > 2 else value.unsqueeze(-1), inputs["mask"]).flatten(1))
            elif name != "mask":
                parts.append(value.flatten(1))
        whole = torch.cat(parts, -1)
        return whole.masked_fill(whole.isnan(), 0.0)
