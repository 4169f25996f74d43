"""Objects of drivers and programs as columns: numbers stay numbers, and what a cell says is its own."""

from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from mtl.suites.table.objects import array_of
from mtl.suites.table.reading import as_in_file, plain, read_table


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([Decimal("NaN"), Decimal("1.5"), None], [None, 1.5, None]),
        ([Decimal("Infinity"), 1], [inf, 1.0]),
        ([Decimal("1e60"), Decimal("1e-60")], [1e60, 1e-60]),
        ([Decimal("1.5"), 2.5], [1.5, 2.5]),
        ([0.5, 2**60 + 1], [0.5, float(2**60 + 1)]),
        ([Decimal(10**90), Decimal("NaN")], [str(10**90), None]),
        ([2**70, None, 1], [str(2**70), None, "1"]),
        ([True, 1, "a"], ["True", "1", "a"]),
        ([{"a": 1}, None, {"b": [2]}], ["{'a': 1}", None, "{'b': [2]}"]),
    ],
)
def test_numbers_of_unlike_types_are_numbers_and_records_keep_their_own_fields(
    values: list[Any], expected: list[Any]
) -> None:
    found = array_of(values).to_pylist()
    assert [float(value) if isinstance(value, Decimal) else value for value in found] == expected


def test_a_uuid_of_arrow_is_the_text_that_one_of_python_is(tmp_path: Path) -> None:
    known = [UUID(int=place) for place in (2**127, 7)]
    storage = pyarrow.array([known[0].bytes, None, known[1].bytes], pyarrow.binary(16))
    table = pyarrow.table({"u": pyarrow.ExtensionArray.from_storage(pyarrow.uuid(), storage)})
    parquet.write_table(table, tmp_path / "my.parquet")
    typed = pd.DataFrame({"u": pd.array(table["u"], pd.ArrowDtype(pyarrow.uuid()))})
    objects = pd.DataFrame({"u": pd.Series([known[0], None, known[1]], dtype=object)})
    for found in (plain(table), read_table(tmp_path / "my.parquet"), as_in_file(typed)):
        assert found["u"].dropna().tolist() == [str(one) for one in known]
        assert found["u"].isna().tolist() == [False, True, False]
        assert found["u"].dropna().tolist() == as_in_file(objects)["u"].dropna().map(str).tolist()


def test_no_value_of_a_decimal_column_is_no_text() -> None:
    frame = plain(pyarrow.table({"a": array_of([Decimal("0.5"), Decimal("NaN"), Decimal(2)])}))
    assert frame["a"].tolist()[::2] == [0.5, 2.0]
    assert frame["a"].isna().tolist() == [False, True, False]
