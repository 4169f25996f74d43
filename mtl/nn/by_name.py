"""Modules by names that a user chooses, such as those of tasks."""

from torch import nn


class ModulesByName(nn.ModuleDict):
    """A ``ModuleDict`` whose keys may be any names, also those of its own methods, such as ``train`` or ``items``.

    Entries are reached by ``modules[name]`` only.
    """

    def __setitem__(self, key: str, module: nn.Module) -> None:
        # add_module refuses the names of attributes, since it makes every entry one
        self._modules[key] = module
