"""Tables as pandas 1 and 2 recorded them, written anew: today's pandas writes them in another way."""

import io
import lzma
import pickle
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd


class Name:
    """Written as the global ``module.name``."""

    def __init__(self, module: str, name: str) -> None:
        self.code = f"c{module}\n{name}\n".encode()


class Call(NamedTuple):
    """Written as ``function(*args)``, with a state given to what comes back."""

    function: Name
    args: tuple[Any, ...]
    state: Any = None


class Writer(pickle._Pickler):
    """Writes calls that the running pandas no longer makes, as the pandas that recorded the tables did."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def save_name(self, name: Name) -> None:
        self.write(name.code)

    def save_call(self, call: Call) -> None:
        self.save(call.function)
        self.save(call.args)
        self.write(pickle.REDUCE)
        if call.state is not None:
            self.save(call.state)
            self.write(pickle.BUILD)

    dispatch[Name] = save_name
    dispatch[Call] = save_call


def written(content: Any) -> bytes:
    out = io.BytesIO()
    Writer(out, 4).dump(content)
    return lzma.compress(out.getvalue())


def dtype(code: str) -> Call:
    return Call(Name("numpy", "dtype"), (code, False, True), (3, "<", None, None, None, -1, -1, 0))


def numbers(values: np.ndarray) -> Call:
    args = (values.tobytes(), dtype(values.dtype.str[1:]), values.shape, "C")
    return Call(Name("numpy.core.numeric", "_frombuffer"), args)


def objects(values: list[Any], shape: tuple[int, ...]) -> Call:
    function = Name("numpy.core.multiarray", "_reconstruct")
    return Call(function, (Name("numpy", "ndarray"), (0,), b"b"), (1, shape, dtype("O8"), False, values))


def block(values: Call, place: Any) -> Call:
    return Call(Name("pandas._libs.internals", "_unpickle_block"), (values, place, 2))


def recording(blocks: tuple[Call, ...], names: list[str]) -> bytes:
    base = "pandas.core.indexes.base"
    columns = Call(Name(base, "_new_Index"), (Name(base, "Index"), {"data": objects(names, (len(names),))}))
    manager = Call(Name("pandas.core.internals.managers", "BlockManager"), (blocks, [columns]))
    return written(Call(Name("pandas.core.frame", "DataFrame"), (), {"_mgr": manager}))


def recorded(frame: pd.DataFrame) -> bytes:
    """A frame of floats, integers and texts: one block for each of these, as pandas keeps them."""
    blocks = []
    for kind in ("float", "int", "str"):
        part = frame.select_dtypes(kind)
        if part.empty:
            continue
        places = numbers(np.array([frame.columns.get_loc(name) for name in part]))
        if kind == "str":
            cells = [None if pd.isna(v) else v for name in part for v in part[name]]
            blocks.append(block(objects(cells, (part.shape[1], len(part))), places))
        else:
            blocks.append(block(numbers(part.to_numpy().T.copy()), places))
    return recording(tuple(blocks), list(frame.columns))
