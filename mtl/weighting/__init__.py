"""Weightings: rules from K losses to one update. One file per method.

The classes that options of ``weighting=`` name can be imported from here: ``from mtl.weighting import UPGrad``. Each is
imported when it is asked for.
"""

from typing import Any

from mtl.config.option_classes import class_named, option_classes


def __getattr__(name: str) -> Any:
    """A class that an option names."""
    return class_named(name, __name__, "weighting")


def __dir__() -> list[str]:
    """Those classes too, imported or not."""
    return sorted({*globals(), *option_classes(__name__, "weighting")})
