"""Modules and parameters by names that a user chooses, such as those of tasks.

torch's own dictionaries make every entry an attribute, and so refuse the names of their methods: ``train``, ``items``.
"""

from collections.abc import Mapping

from torch import nn
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
