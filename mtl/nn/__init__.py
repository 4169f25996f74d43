"""Plain torch modules that know nothing of tasks or training: encoders, heads, batched copies of a module.

The classes that options of ``encoder=`` name can be imported from here: ``from mtl.nn import MLP``. Each is
imported when it is asked for.
"""

from typing import Any

from mtl.config.option_classes import class_named, option_classes


def __getattr__(name: str) -> Any:
    """A class that an option names."""
    return class_named(name, __name__, "encoder")


def __dir__() -> list[str]:
    """Those classes too, imported or not."""
    return sorted({*globals(), *option_classes(__name__, "encoder")})
