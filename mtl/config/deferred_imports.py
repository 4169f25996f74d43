"""Libraries that others import for what they rarely do: they are imported when something of them is used."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from typing_extensions import override

# torchmetrics, which Lightning imports, imports both for its metrics of texts and of sound
SLOW = ("transformers", "scipy.signal")


@contextmanager
def imports_deferred(*names: str) -> Iterator[None]:
    """Within this, an import of these libraries gives stand-ins, which import them when something of them is used.

    Afterwards an import of them is what it always is, and the stand-ins that other modules hold do what the libraries
    do: a name of theirs can be called, has the attributes of what it stands for, and knows its instances. A use within,
    such as a class that inherits from one of theirs, imports them at once. What is not installed stays so.

    Args:
        *names: modules, with all that is in them. One that is imported already is left as it is.
    """
    deferral = Deferral([name for name in names if name not in sys.modules])
    sys.meta_path.insert(0, deferral)
    try:
        yield
    finally:
        deferral.end()


class Deferral(MetaPathFinder, Loader):
    """Finds and makes the stand-ins for some modules, until it ends.

    Args:
        names: of the modules.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.made: dict[str, StandIn] = {}

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(fullname == name or fullname.startswith(f"{name}.") for name in self.names):
            return None
        found = PathFinder.find_spec(fullname, path)
        if found is None:
            return None
        spec = ModuleSpec(fullname, self, origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    @override
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.made[spec.name] = StandIn(spec.name, self)
        return self.made[spec.name]

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty: a stand-in has nothing to carry out."""

    def end(self) -> None:
        """Forget the stand-ins, so that the next import finds the libraries themselves."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name, module in self.made.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
            parent, _, last = name.rpartition(".")
            if parent in sys.modules and vars(sys.modules[parent]).get(last) is module:
                delattr(sys.modules[parent], last)

    def imported(self, module: str) -> ModuleType:
        """A module itself."""
        self.end()
        return import_module(module)


class StandIn(ModuleType):
    """In the place of a module: its names, while the deferral lasts, are stand-ins, too.

    Args:
        name: of the module.
        deferral: knows when it is over.
    """

    def __init__(self, name: str, deferral: Deferral) -> None:
        super().__init__(name)
        self.deferral = deferral

    def __getattr__(self, name: str) -> Any:
        if self.deferral not in sys.meta_path:
            return getattr(self.deferral.imported(self.__name__), name)
        if name.startswith("__"):  # what Python itself asks a module for
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        return NameStandIn(self, name)


class NameStandIn:
    """In the place of a class or function of a module.

    Args:
        module: whose stand-in was asked for it.
        name: of it.
    """

    def __init__(self, module: StandIn, name: str) -> None:
        self._module, self._name = module, name

    def _itself(self) -> Any:
        return getattr(self._module.deferral.imported(self._module.__name__), self._name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the class or function gives."""
        return self._itself()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._itself(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._itself())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._itself())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """The class itself, in the place of its stand-in among the bases of another."""
        return (self._itself(),)
