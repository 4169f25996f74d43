"""Objects of drivers and programs as columns: numbers stay numbers, and what a cell says is its own."""

from decimal import Decimal
from math import inf
from typing import Any

import pyarrow
import pytest

from mtl.suites.table.objects import array_of
from mtl.suites.table.reading import plain


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


def test_no_value_of_a_decimal_column_is_no_text() -> None:
    frame = plain(pyarrow.table({"a": array_of([Decimal("0.5"), Decimal("NaN"), Decimal(2)])}))
    assert frame["a"].tolist()[::2] == [0.5, 2.0]
    assert frame["a"].isna().tolist() == [False, True, False]
