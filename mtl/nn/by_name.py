"""Modules, parameters and buffers by names that a user chooses, such as those of tasks.

torch's own dictionaries make every entry an attribute, and so refuse the names of their methods: ``train``, ``items``.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import Parameter


class ModulesByName(nn.ModuleDict):
    """A ``ModuleDict`` whose keys may be any names; entries are reached by ``modules[name]`` only."""

    def __setitem__(self, key: str, module: nn.Module) -> None:
        self._modules[key] = module


class ParametersByName(nn.Module):
    """Parameters whose keys may be any names.

    Args:
        entries: the parameters.
    """

    def __init__(self, entries: Mapping[str, Parameter]) -> None:
        super().__init__()
        self._parameters.update(entries)

    def __getitem__(self, key: str) -> Parameter:
        found = self._parameters[key]
        assert found is not None
        return found

    def __contains__(self, key: str) -> bool:
        return key in self._parameters


class BuffersByName(nn.Module):
    """Values that do not learn, by names that may hold dots, as those of a state dict do.

    Args:
        entries: the values, which are copied.
    """

    def __init__(self, entries: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._buffers.update({name: value.detach().clone() for name, value in entries.items()})

    def __getitem__(self, key: str) -> Tensor:
        found = self._buffers[key]
        assert found is not None
        return found
