"""Modules, parameters and values by names that a user chooses, such as those of tasks.

torch's own dictionaries make every entry an attribute, and so refuse the names of their methods: ``train``, ``items``.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import Parameter
from typing_extensions import override


class EntriesByName(nn.Module):
    """A module one of whose entries may be named like an attribute that torch sets, such as ``training``."""

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module | Tensor):
            super().__setattr__(name, value)
        else:  # torch's own would take it for the entry of this name
            object.__setattr__(self, name, value)


class ModulesByName(EntriesByName, nn.ModuleDict):
    """A ``ModuleDict`` whose keys may be any names; entries are reached by ``modules[name]`` only."""

    def __setitem__(self, key: str, module: nn.Module) -> None:
        self._modules[key] = module


class ParametersByName(EntriesByName):
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


class StateByName(EntriesByName):
    """The values of another module's state, which do not learn here.

    Args:
        state: the values by name, which are copied.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        # torch takes what stands before a dot for the name of a module
        self._buffers.update({name.replace(".", "/"): value.detach().clone() for name, value in state.items()})

    @property
    def state(self) -> dict[str, Tensor]:
        """The values, by the names that they had."""
        return {name.replace("/", "."): value for name, value in self._buffers.items() if value is not None}
