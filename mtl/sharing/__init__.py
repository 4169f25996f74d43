"""Sharing strategies: a batch to one representation per task. One file per strategy, on any encoder.

The classes that options of ``model=`` name can be imported from here: ``from mtl.sharing import Gated``. Each is
imported when it is asked for.
"""

from typing import Any

from mtl.config.option_classes import class_named, option_classes


def __getattr__(name: str) -> Any:
    """A class that an option names."""
    return class_named(name, __name__, "model")


def __dir__() -> list[str]:
    """Those classes too, imported or not."""
    return sorted({*globals(), *option_classes(__name__, "model")})
