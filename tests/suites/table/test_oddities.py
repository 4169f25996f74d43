"""Rows of totals and numbers that mean "no value" are pointed out, and nothing that only looks like them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtl.suites.table import TableSuite
from mtl.suites.table.oddities import no_time, no_value, total_row
from mtl.suites.table.reading import read_table

ROWS = 120
DRAW = np.random.default_rng(0)
AGES = pd.Series(DRAW.integers(17, 91, ROWS))


def with_cells(values: pd.Series, value: float, cells: int = 3) -> pd.Series:
    """The values, some of them replaced by one."""
    return values.astype("float64").mask(values.index < cells, value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (with_cells(AGES, -999), -999),
        (with_cells(AGES * 1000, -99), -99),
        (with_cells(AGES, 9999), 9999),
        (with_cells(AGES - 50, -9999), -9999),
        (with_cells(AGES, -999).where(AGES.index != 50), -999),
    ],
)
def test_numbers_of_nines_that_are_far_from_all_others_are_found(values: pd.Series, expected: float) -> None:
    assert no_value(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        AGES,
        with_cells(AGES, 99),
        with_cells(AGES, -998),
        with_cells(AGES, -999, cells=1),
        with_cells(AGES * 50, 9999),
        with_cells(AGES - 50, -99),
        with_cells(AGES - 0.5, 999.5),
        with_cells(AGES, 999, cells=ROWS),
        with_cells(AGES, np.inf),
        AGES > 40,
        AGES.astype(str),
        pd.Series([np.nan] * ROWS),
        with_cells(AGES, -999)[:10],
    ],
)
def test_other_numbers_are_taken_as_they_are(values: pd.Series) -> None:
    assert no_value(values) is None


@pytest.mark.parametrize(
    ("day", "found"),
    [("1900-01-01", True), ("2099-12-31", True), ("2021-03-01", False), ("9999-12-31", False), ("1950-05-05", False)],
)
def test_a_day_that_is_far_from_all_others_is_found(day: str, found: bool) -> None:
    days = pd.Series(pd.date_range("2020-02-01", periods=ROWS, tz="UTC"))
    days[:3] = pd.Timestamp(day, tz="UTC")
    assert (no_time(days) == pd.Timestamp(day, tz="UTC")) if found else no_time(days) is None


@pytest.mark.parametrize("text", ["Total", "TOTAL:", "Grand total", "Summe", "合计", "sum"])
def test_a_row_of_totals_is_found(text: str) -> None:
    frame = pd.DataFrame({"name": ["a", "b", "a", text], "x": [1, 2, 3, 6]})
    (note,) = total_row(frame)
    assert f"'{text}' in column 'name'" in note
    assert total_row(frame[:3]) == []
    assert total_row(frame.assign(name=["a", text, "a", text])) == [], "a value like any other"
    assert total_row(frame.assign(name=["a", "b", "a", f"{text} of it"])) == []


def test_notes_say_what_to_do_with_the_cells_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    lines = [f"{-999.0 if i % 9 == 0 else AGES[i]},{'ab'[i % 2]},{AGES[i] % 3 / 4}" for i in range(ROWS)]
    path.write_text("\n".join(["age,group,y", *lines, "50,total,60"]) + "\n")
    made = TableSuite(lambda: read_table(path), {"y": "regression"})
    age, total = made.notes
    assert age == (
        "column 'age': -999 (14 cells) is far from all other numbers; if it means that there is none, say "
        "'task.missing=[\"-999.0\"]', which is for all columns"
    )
    assert total == (
        "the last row has 'total' in column 'group': if it sums up other rows, remove it from the file, where it "
        "counts as a row like any other"
    )
    again = TableSuite(lambda: read_table(path, missing=["-999.0"]), {"y": "regression"})
    assert again.notes == [total]
    typed = TableSuite(lambda: made.frame.iloc[:-1], {"y": "regression"})
    assert ["say 'task.missing=[\"-999\"]', which is for all" in note for note in typed.notes] == [True]
