"""What keeps a column of texts from being one of numbers or times is pointed out, and other texts are not."""

import numpy as np
import pandas as pd
import pytest

from mtl.suites.table import TableSuite
from mtl.suites.table.doubtful_numbers import days_as_numbers, decimals_or_thousands
from mtl.suites.table.nearly import nearly_typed
from mtl.suites.table.reading import TEXTS

NUMBERS = [str(i) for i in range(40)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([*NUMBERS, "unknown"], "its cells are numbers but for 'unknown'; .*task.missing=\\[\"unknown\"\\]"),
        ([*NUMBERS, "∞", "5 kg"], "numbers but for '∞', '5 kg'"),
        ([f"{i},5" for i in range(40)] + ["-"], "numbers but for '-'"),
        ([f"{i} kg" for i in range(9)], "its numbers are written with 'kg'"),
        ([*(f"{i},5" for i in range(9)), "1.5"], "not all written in one way, such as '1.5' and '0,5'"),
        ([*(f"{i},5" for i in range(9)), "1e-5"], "not all written in one way, such as '1e-5' and '0,5'"),
        ([*(f"{i} %" for i in range(9)), "0.5"], "not all written in one way, such as '0 %' and '0.5'"),
        ([*(f"{i} €" for i in range(9)), "$5"], r"not all written in one way, such as '0 €' and '\$5'"),
        ([f"{i}.5km/h" for i in range(9)], "its numbers are written with 'km/h'"),
        (
            [f"2023-01-{i:02}" for i in range(1, 9)] + [f"{i:02}.01.2023" for i in range(1, 9)],
            "begin with dates, such as '2023-01-01' and '2023-01-02'",
        ),
        ([f"2023-01-{i:02} 10:00 CET" for i in range(1, 9)], "begin with dates"),
    ],
)
def test_a_cell_or_a_unit_that_makes_numbers_texts_is_named(cells: list[str], expected: str) -> None:
    (note,) = nearly_typed(pd.Series(cells, name="a"))
    assert note.startswith("column 'a' is one of texts: ")
    assert pd.Series([note]).str.contains(expected, regex=True).all()


@pytest.mark.parametrize(
    "cells",
    [
        ["low", "mid", "high", "1", "2"] * 9,
        ["1", "2", "3", "x"],
        [*NUMBERS, "007", "x"],
        [f"{i}A" for i in range(40)],
        [f"2.8.{i}" for i in range(40)],
        [f"10.0.0.{i}" for i in range(40)] + ["localhost"],
        ["3 kg", "4 m", "5 s", "6 kg", "7 m"],
        NUMBERS,
        [*NUMBERS, "3E2"],
        [f"({i})" for i in range(9)],
    ],
)
def test_other_texts_are_not_pointed_out(cells: list[str]) -> None:
    assert nearly_typed(pd.Series(cells, name="a")) == []


def test_a_column_of_numbers_is_not_looked_at() -> None:
    assert nearly_typed(pd.Series(range(40), name="a")) == []


@pytest.mark.parametrize(("first", "found"), [("20230101", True), ("20231301", False), ("18000101", False)])
def test_numbers_that_are_days_are_pointed_out(first: str, found: bool) -> None:
    notes = days_as_numbers(pd.Series([first, *(f"202302{day}" for day in range(10, 20))], name="day"))
    assert ["'task.columns={day: time}'" in note for note in notes] == [True] * found


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([f"{i}.{i}50" for i in range(1, 9)], True),  # 1.150 to 8.850: thousands, or a program that keeps zeros
        ([f"{i}.{i}51" for i in range(1, 9)], False),  # no zero at an end: decimals as they come
        ([*(f"{i}.{i}50" for i in range(1, 9)), "0.150"], False),
        ([*(f"{i}.{i}50" for i in range(1, 9)), "1234.150"], False),
        ([1.15, 2.25, 3.35, 4.45, 5.55, 6.65], False),  # numbers in their file
    ],
)
def test_a_point_before_three_digits_everywhere_may_be_that_of_thousands(cells: list[object], said: bool) -> None:
    notes = decimals_or_thousands(pd.Series(cells, name="amount"))
    assert ["say 'task.formats={amount: decimal_comma}'" in note for note in notes] == [True] * said


def test_who_has_said_how_numbers_are_written_is_not_told_of_thousands() -> None:
    draw = np.random.default_rng(0)
    amount = draw.integers(1000, 999_999, 60)
    frame = pd.DataFrame(
        {"x": draw.normal(size=60).astype(str), "amount": [f"{a // 1000}.{a % 1000:03}" for a in amount]}
    )
    frame.attrs[TEXTS] = True
    means = {}
    for way in (None, "decimal_point", "decimal_comma"):
        formats = {} if way is None else {"amount": way}
        suite = TableSuite(lambda: frame.copy(), {"amount": "regression"}, formats=formats)
        assert ["three digits" in note for note in suite.notes] == ([True] if way is None else [])
        means[way] = suite.targets[0].mean
    assert means[None] == means["decimal_point"] == pytest.approx(means["decimal_comma"] / 1000)
