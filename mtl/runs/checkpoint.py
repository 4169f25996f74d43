"""Checkpoints: tensors and plain values, never anything that runs code when it is read."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from mtl.errors import InputError
from mtl.runs.files import atomic_path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, tensors and plain values only. InputError if it is missing or damaged."""
    if not path.is_file():
        raise InputError(f"no checkpoint '{path}': the run has not validated an epoch")
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is refused anyway
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"checkpoint '{path}' is damaged: it cannot be read as tensors and plain values ({type(error).__name__})"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("state_dict"), dict):
        raise InputError(f"checkpoint '{path}' is damaged: it holds no weights")
    return found


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with atomic_path(path) as partial:
        torch.save(checkpoint, partial)
