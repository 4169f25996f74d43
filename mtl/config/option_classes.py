"""Classes of methods by their name alone: ``from mtl.weighting import UPGrad``. Imports no torch and no Hydra.

There is no list of them: a name is one that an option of this package names, imported when it is asked for.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

from mtl.config.folders import CONF


@cache
def option_classes(package: str, group: str) -> dict[str, str]:
    """The module of each class of a package that the package's own options of a group name, by the class's name."""
    target = re.compile(rf"^ *_target_: ({re.escape(package)}\.[\w.]+)\.(\w+)$", re.MULTILINE)
    files = sorted((CONF / group).glob("*.yaml"))
    return {name: module for file in files for module, name in target.findall(file.read_text(encoding="utf-8"))}


def class_named(name: str, package: str, group: str) -> Any:
    """Import a class by its name alone.

    Args:
        name: of the class.
        package: in which its module is.
        group: of options, one of which names it.

    Returns:
        The class.

    Raises:
        AttributeError: no option names such a class.
    """
    modules = option_classes(package, group)
    if name not in modules:
        raise AttributeError(f"module '{package}' has no attribute '{name}'")
    return getattr(import_module(modules[name]), name)
