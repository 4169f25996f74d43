"""Recorded tables are read as they are, and nothing that the file asks for is run."""

import lzma
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.suites.sources.pickled_frames import read_frame
from tests.suites.sources.recording import Call, Name, block, numbers, objects, recorded, recording, written


def test_a_table_is_read_column_by_column() -> None:
    floats, ints = np.array([[0.5, np.nan]]), np.array([[1, -2], [3, 2**40]])
    cut = Call(Name("builtins", "slice"), (2, 3, 1))
    texts = objects(["ä", None, "b", "c"], (2, 2))
    blocks = (block(numbers(floats), cut), block(numbers(ints), numbers(np.array([0, 4]))))
    content = recording((*blocks, block(texts, Call(Name("builtins", "slice"), (1, 4, 2)))), ["i", "s", "f", "t", "j"])
    expected = {"i": [1, -2], "s": ["ä", None], "f": [0.5, np.nan], "t": ["b", "c"], "j": [3, 2**40]}
    pd.testing.assert_frame_equal(read_frame(content), pd.DataFrame(expected))


def test_a_frame_comes_back() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None], "d": [3, 4]})
    pd.testing.assert_frame_equal(read_frame(recorded(frame)), frame)


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
