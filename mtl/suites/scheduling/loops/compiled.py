"""Compiled numpy loops: for what has branches and running orders, in which whole-array operations waste most work."""

import hashlib
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from mtl.errors import InputError

F = TypeVar("F", bound=Callable[..., object])

_FOLDER = Path(__file__).parent


def _build(function: Callable[..., object], keep: bool) -> Callable[..., object]:
    """The compiled function; its machine code is kept in a folder for the present state of all loops.

    By itself numba renews what it keeps when the file of the function changes, not when that of a called one does.
    Where this folder cannot be written, as in an installed package, numba takes one in the user's own cache.
    """
    import numba  # half a second, which other suites need not pay, nor have

    config: Any = import_module("numba.core.config")

    sources = b"".join(path.read_bytes() for path in sorted(_FOLDER.glob("*.py")))
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_FOLDER / "__pycache__" / f"loops-{hashlib.sha256(sources).hexdigest()[:12]}")
    try:
        return cast(Callable[..., object], numba.njit(cache=keep, nogil=True, error_model="numpy")(function))
    finally:
        config.CACHE_DIR = before


def compiled(function: F) -> F:
    """``function``, compiled by numba at its first call; other threads go on while it runs.

    The machine code is kept, so that it is made once. Where nothing can be kept - a read-only place, no home directory,
    a full disk - every process compiles anew. A call raises InputError where numba is not installed.
    """
    if find_spec("numba") is None:
        return cast(F, wraps(function)(_refuse))
    try:
        current = _build(function, keep=True)
    except RuntimeError:  # numba finds no folder that it could write
        current = _build(function, keep=False)

    @wraps(function)
    def call(*arguments: object) -> object:
        nonlocal current
        try:
            return current(*arguments)
        except OSError:  # the loop itself reads and writes no file: it is the folder
            current = _build(function, keep=False)
            return current(*arguments)

    return cast(F, call)


def inlined(function: F) -> F:
    """``function`` for use within those that are compiled."""
    if find_spec("numba") is None:
        return function
    import numba

    return cast(F, numba.njit(nogil=True, error_model="numpy")(function))


def _refuse(*arguments: object) -> object:
    raise InputError("dispatching needs numba: pip install 'mtl-verdict[scheduling]'")
