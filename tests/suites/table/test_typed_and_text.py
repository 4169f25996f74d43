"""The same rows in a text file and in files with types are read as the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.suites.table import TableSuite, table
from mtl.suites.table.reading import read_table

ROWS = 60
FRAME = pd.DataFrame(
    {
        "flag": pd.array([None if i % 7 == 0 else i % 3 == 0 for i in range(ROWS)], dtype="boolean"),
        "age": [-999 if i % 5 == 0 else i % 11 for i in range(ROWS)],
        "kind": ["a?b"[i % 3] for i in range(ROWS)],
        "x": np.random.default_rng(0).normal(size=ROWS).round(3),
        "y": [i % 2 for i in range(ROWS)],
    }
)


def suite(path: Path, **options: Any) -> TableSuite:
    if path.suffix == ".csv":
        FRAME.to_csv(path, index=False)
    elif path.suffix == ".xlsx":
        FRAME.to_excel(path, index=False)
    elif path.suffix == ".jsonl":
        FRAME.to_json(path, orient="records", lines=True)
    else:
        FRAME.to_parquet(path)
    made = table(str(path), {"y": "binary"}, **options)
    assert isinstance(made, TableSuite)
    return made


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".xlsx"])
@pytest.mark.parametrize("missing", [[], ["?", -999], ["?", "-999"]])
def test_a_typed_file_gives_what_a_text_file_gives(tmp_path: Path, suffix: str, missing: Sequence[str | int]) -> None:
    """True and false with gaps are 0 and 1, not categories; numbers may mean that there is no value, as texts may."""
    text, typed = (suite(tmp_path / f"my{end}", missing=missing) for end in (".csv", suffix))
    assert typed.encoding == text.encoding
    assert [one.kind for one in typed.encoding.columns] == ["number", "number", "category", "number"]
    for name, values in text.inputs(read_table(tmp_path / "my.csv", missing=missing)).items():
        found = typed.inputs(read_table(tmp_path / f"my{suffix}", missing=missing))[name]
        np.testing.assert_array_equal(found.numpy(), values.numpy())


@pytest.mark.parametrize("missing", [True, [None], [["?"]], {"?": 1}])
def test_what_is_no_text_cannot_mean_that_there_is_no_value(tmp_path: Path, missing: Any) -> None:
    with pytest.raises(InputError, match=r"task\.missing=.*: expected texts, such as"):
        suite(tmp_path / "my.csv", missing=missing)


def test_one_text_or_number_may_mean_that_there_is_no_value(tmp_path: Path) -> None:
    assert suite(tmp_path / "my.csv", missing=-999).frame["age"].isna().sum() == ROWS // 5


def test_texts_of_a_program_are_those_of_a_text_file(tmp_path: Path) -> None:
    """Where spaces around them count for nothing, and an empty one is missing; in a typed file it is a value."""
    text = suite(tmp_path / "my.csv")
    new = pd.DataFrame({"flag": ["true", " False", ""], "age": [" 3", "4", "  "], "kind": ["a ", "b", " "], "x": "1.5"})
    clean = pd.DataFrame({"flag": [True, False, None], "age": [3, 4, None], "kind": ["a", "b", None], "x": 1.5})
    for name, values in text.inputs(clean).items():
        np.testing.assert_array_equal(text.inputs(new)[name].numpy(), values.numpy())
    FRAME.assign(kind=["", "a", "b"] * 20).to_parquet(tmp_path / "my.parquet")
    typed = table(str(tmp_path / "my.parquet"), {"y": "binary"})
    assert [note for note in typed.notes if "column 'kind': '' (20 cells) is a value like any other" in note]
