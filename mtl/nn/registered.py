"""Layers that torch does not find in a module, because they are kept in a plain list or mapping."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn import Parameter

from mtl.errors import InputError

OF_TORCH = frozenset(vars(nn.Module()))  # attributes that every module has


def check_registered(network: nn.Module) -> None:
    """Raise InputError for trainable parameters that no optimizer would get and no checkpoint would keep.

    Looked at are plain lists, tuples, sets and mappings that are attributes of a part of the network. What has no
    parameter that is to be trained is left alone, as is what is in the network at another place.

    Args:
        network: whole.
    """
    known = {id(one) for one in network.parameters()}
    for part in network.modules():
        for name, value in vars(part).items():
            if name in OF_TORCH or not isinstance(value, list | tuple | set | Mapping):
                continue
            if any(one.requires_grad and id(one) not in known for one in _parameters_in(value)):
                kind = type(value).__name__
                instead = "nn.ModuleDict" if isinstance(value, Mapping) else "nn.ModuleList"
                raise InputError(
                    f"{type(part).__name__}.{name}: a {kind} of layers, which would not be trained, since torch does "
                    f"not look into it: expected {instead} (of what is not to be trained: requires_grad_(False))"
                )


def _parameters_in(value: Any, depth: int = 3) -> Iterator[Parameter]:
    """The parameters in a container, whose containers may hold each other."""
    if isinstance(value, Parameter):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.parameters()
    elif depth and isinstance(value, list | tuple | set | Mapping):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _parameters_in(one, depth - 1)
