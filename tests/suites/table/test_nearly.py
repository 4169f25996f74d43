"""What keeps a column of texts from being one of numbers or times is pointed out, and other texts are not."""

import pandas as pd
import pytest

from mtl.suites.table.nearly import days_as_numbers, nearly_typed

NUMBERS = [str(i) for i in range(40)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([*NUMBERS, "unknown"], "its cells are numbers but for 'unknown'; .*task.missing=\\[\"unknown\"\\]"),
        ([*NUMBERS, "∞", "5 kg"], "numbers but for '∞', '5 kg'"),
        ([f"{i},5" for i in range(40)] + ["-"], "numbers but for '-'"),
        ([f"{i} kg" for i in range(9)], "its numbers are written with 'kg'"),
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
