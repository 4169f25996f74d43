"""Modules, parameters and values by names that a user chooses, such as those of tasks.

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


class StateByName(nn.Module):
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
