"""Checkpoints: tensors and plain values, never anything that runs code when it is read."""

import pickle
import struct
import warnings
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from mtl.errors import InputError
from mtl.runs.checksums import check, checked_path, checksums_of

# What reading something that is no checkpoint, or a damaged one, raises
DAMAGED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, tensors and plain values only. InputError if it is missing or damaged."""
    if not path.is_file():
        done = (path.parent / "result.json").is_file()
        why = "the run is done, so its directory was copied in part" if done else "the run has not validated an epoch"
        raise InputError(f"no checkpoint '{path}': {why}")
    check(path)
    try:
        if not checksums_of(path):  # of an older version: the archive has checksums of its own, which torch ignores
            with ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise BadZipFile(damaged)
        with warnings.catch_warnings(action="ignore"):  # of what is refused anyway
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        raise InputError(
            f"checkpoint '{path}' is damaged: it cannot be read as tensors and plain values ({type(error).__name__})"
        ) from None
    state = found.get("state_dict") if isinstance(found, dict) else None
    if not isinstance(state, dict):
        raise InputError(f"checkpoint '{path}' is damaged: it holds no weights")
    if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()):
        raise InputError(f"checkpoint '{path}' is damaged: its weights are not tensors by name")
    return dict(found)


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint atomically, with its checksum."""
    with checked_path(path) as partial:
        torch.save(checkpoint, partial)
