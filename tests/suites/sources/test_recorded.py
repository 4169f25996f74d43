"""Recorded tables are read as they are, and nothing that the file asks for is run."""

import io
import lzma
import os
import pickle
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.suites.sources.recorded import read_frame


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


def test_a_table_is_read_column_by_column() -> None:
    floats, ints = np.array([[0.5, np.nan]]), np.array([[1, -2], [3, 2**40]])
    cut = Call(Name("builtins", "slice"), (2, 3, 1))
    texts = objects(["ä", None, "b", "c"], (2, 2))
    blocks = (block(numbers(floats), cut), block(numbers(ints), numbers(np.array([0, 4]))))
    content = recording((*blocks, block(texts, Call(Name("builtins", "slice"), (1, 4, 2)))), ["i", "s", "f", "t", "j"])
    expected = {"i": [1, -2], "s": ["ä", None], "f": [0.5, np.nan], "t": ["b", "c"], "j": [3, 2**40]}
    pd.testing.assert_frame_equal(read_frame(content), pd.DataFrame(expected))


class Attack:
    """What unpickling this would do: make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_what_else_a_file_asks_for_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "harm"
    with pytest.raises(InputError, match=r"it asks for posix\.mkdir"):
        read_frame(lzma.compress(pickle.dumps(Attack(path))))
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", lzma.compress(b""), lzma.compress(b"text"), written({"a": 1}), written([1, 2])],
    ids=["empty", "not compressed", "nothing", "no pickle", "dictionary", "list"],
)
def test_anything_but_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="no recorded table"):
        read_frame(content)
