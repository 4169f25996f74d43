"""Tables that a package ships as pickled pandas frames, read without running anything that the file asks for."""

import lzma
import pickle
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from mtl.errors import InputError


class _Type:
    """Stands for a numpy dtype: its code is kept, what else the file says about it is not needed."""

    def __init__(self, code: str, *_: bool) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        if self.code[0] not in "fiubO":
            raise pickle.UnpicklingError(f"column type {self.code}")


class _Array:
    """Stands for a numpy array of Python objects, which the file holds as a list."""

    def __init__(self, *_: object) -> None:
        self.values: Any = None

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Type, bool, list[object]]) -> None:
        _, shape, _, fortran, values = state
        self.values = np.array([*values, None], dtype=object)[:-1].reshape(shape, order="F" if fortran else "C")


class _Block(tuple[Any, slice]):
    """Some columns of one type: values ``[C, N]`` and which columns they are."""


class _Manager:
    """Stands for pandas' manager of blocks."""

    def __init__(self, blocks: Sequence[_Block], axes: Sequence[Any]) -> None:
        self.blocks, self.axes = blocks, axes


class _Frame:
    """Stands for the frame."""

    _mgr: _Manager


class _Name:
    """Stands for a class that is only mentioned."""


def _frombuffer(buffer: bytes, kind: _Type, shape: tuple[int, ...], order: Any) -> Any:
    return np.frombuffer(buffer, dtype=f"<{kind.code}").reshape(shape, order=order)


def _block(values: Any, place: Any, dimensions: int) -> _Block:
    return _Block((values, place))


def _index(kind: Any, state: dict[str, Any]) -> dict[str, Any]:
    return state


# All that a file may ask for; the answer is always a function or class of this file.
_STANDINS: dict[str, Callable[..., Any]] = {
    "pandas.core.frame.DataFrame": _Frame,
    "pandas.core.internals.managers.BlockManager": _Manager,
    "pandas._libs.internals._unpickle_block": _block,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.base.Index": _Name,
    "pandas.core.indexes.range.RangeIndex": _Name,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy.ndarray": _Name,
    "numpy.dtype": _Type,
    "builtins.slice": slice,
}


class _Reader(pickle.Unpickler):
    """Builds the stand-ins above and nothing else: a file that names anything but these is refused before a call."""

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        if wanted not in _STANDINS:
            raise pickle.UnpicklingError(f"it asks for {wanted}")
        return _STANDINS[wanted]


def read_frame(content: bytes) -> pd.DataFrame:
    """The table of an xz-compressed pickled frame of numbers and texts.

    Args:
        content: of the file.

    Returns:
        The table.

    Raises:
        InputError: the content is damaged, or holds anything but such a table.
    """
    try:
        manager = _Reader(BytesIO(lzma.decompress(content))).load()._mgr
        names = manager.axes[0]["data"].values
        columns: dict[int, Any] = {}
        for values, place in manager.blocks:
            rows = values.values if isinstance(values, _Array) else values
            where = range(*place.indices(len(names))) if isinstance(place, slice) else place
            columns |= dict(zip(map(int, where), rows, strict=True))
        return pd.DataFrame({str(names[i]): columns[i] for i in range(len(names))})
    except (
        pickle.UnpicklingError,
        lzma.LZMAError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
    ) as error:
        raise InputError(f"this is no recorded table: {' '.join(str(error).split())[:200]}") from None
