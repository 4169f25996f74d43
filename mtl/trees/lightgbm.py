"""The library that grows the trees, an extra of the installation."""

from types import ModuleType

from mtl.errors import InputError, lacks


def lightgbm() -> ModuleType:
    """LightGBM, imported at the first use. InputError if it is missing or does not load here."""
    # After torch: on Linux both then use the OpenMP that torch brings
    import torch  # noqa: F401

    try:
        import lightgbm
    except ImportError:
        raise lacks("model=trees", "LightGBM", "trees") from None
    except OSError as error:  # such as a system without OpenMP
        raise InputError(f"model=trees: LightGBM cannot be loaded: {' '.join(str(error).split())}") from None
    return lightgbm
