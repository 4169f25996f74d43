"""Imports of everything that a case may need: a process that is forked from this one begins at once."""

from importlib import import_module
from pkgutil import walk_packages

import mtl


def import_everything() -> None:
    """Import every module of the package, and the libraries that it imports only where they are needed."""
    for module in walk_packages(mtl.__path__, f"{mtl.__name__}."):
        import_module(module.name)
    for name in ("lightgbm", "matplotlib.pyplot", "optuna", "ortools.sat.python.cp_model", "pandas", "pyarrow.parquet"):
        import_module(name)
