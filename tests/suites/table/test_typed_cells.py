"""Cells that are numbers or times in their file beside texts of numbers: 1.234 of a sheet is no 1,234."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from mtl.errors import InputError
from mtl.suites.table import TableSuite, table
from mtl.suites.table.source import read_source
from mtl.suites.table.typed_cells import TYPED_CELLS
from mtl.suites.tables import tables

ROWS = 60
X = [round(float(x), 3) for x in np.random.default_rng(0).normal(size=ROWS)]
PERCENT = "0%"


def comma(number: float) -> str:
    return str(number).replace(".", ",")


def trained_on_commas(path: Path, unit: str = "") -> TableSuite:
    lines = [f"{comma(x)}{unit};{i % 2}" for i, x in enumerate(X)]
    path.write_text("\n".join(["x;y", *lines]))
    return table(str(path), {"y": "binary"}, separator="semicolon")


def workbook(path: Path, columns: dict[str, list[Any]], formats: str | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in [list(columns), *zip(*columns.values(), strict=True)]:
        book.active.append(row)
    for (cell,) in book.active.iter_rows(min_row=2, max_col=1) if formats else ():
        cell.number_format = formats
    book.save(path)
    return path


def new_rows(made: TableSuite, path: Path) -> list[float]:
    return made._typed_inputs(read_source(str(path)))["x"].tolist()


@pytest.mark.parametrize("x", [1.5, 1.234, 12, -0.001, 1e-7])
def test_numbers_of_a_sheet_are_those_of_a_text_file_with_commas(tmp_path: Path, x: float) -> None:
    """As texts 1.5 would be refused, and 1.234 be a thousand times as much."""
    made = trained_on_commas(tmp_path / "my.csv")
    assert new_rows(made, workbook(tmp_path / "new.xlsx", {"x": [x, 2.5]})) == [x, 2.5]


def test_numbers_of_a_sheet_may_stand_beside_texts_with_commas(tmp_path: Path) -> None:
    made = trained_on_commas(tmp_path / "my.csv")
    cells = [1.234, "1,234", "n/a", None, "1.234,5"]
    found = new_rows(made, workbook(tmp_path / "new.xlsx", {"x": cells, "z": [1] * len(cells)}))
    np.testing.assert_equal(found, [1.234, 1.234, np.nan, np.nan, 1234.5])
    with pytest.raises(InputError, match=r"column 'x': row 2 holds '1\.5', which is no number written with a decimal"):
        new_rows(made, workbook(tmp_path / "other.xlsx", {"x": [1.5, "1.5"]}))


def test_a_sheet_is_fitted_by_its_texts_where_other_cells_are_numbers(tmp_path: Path) -> None:
    """The texts say how texts are written, and the numbers nothing: 1.234 was 1234 beside the text 0,5."""
    cells = [x if i % 3 else comma(x) for i, x in enumerate(X)]
    path = workbook(tmp_path / "my.xlsx", {"x": cells, "y": [i % 2 for i in range(ROWS)]})
    made = table(str(path), {"y": "binary"})
    assert made.frame["x"].tolist() == X
    assert made.table.types is not None
    assert made.table.types["x"].written == "decimal_comma"
    assert TYPED_CELLS not in made.frame.attrs  # which pandas could not write to a Parquet file


def test_what_the_user_says_of_texts_is_not_said_of_numbers(tmp_path: Path) -> None:
    path = workbook(tmp_path / "my.xlsx", {"x": X, "y": [i % 2 for i in range(ROWS)]})
    made = table(str(path), {"y": "binary"}, formats={"x": "decimal_comma"})
    assert made.frame["x"].tolist() == X
    with pytest.raises(InputError, match=r"task\.formats\.x=comma"):
        table(str(path), {"y": "binary"}, columns={"x": "number"}, formats={"x": "comma"})


def test_percents_of_a_sheet_are_those_of_a_text_file(tmp_path: Path) -> None:
    """A cell that shows 12 % holds 0.12."""
    made = trained_on_commas(tmp_path / "my.csv", unit=" %")
    path = workbook(tmp_path / "new.xlsx", {"x": [0.12, "12,5 %"]}, formats=PERCENT)
    assert new_rows(made, path) == [12.0, 12.5]
    assert made.unfamiliar(pd.DataFrame({"x": ["12 %"]})) == []
    plain = workbook(tmp_path / "plain.xlsx", {"x": [12, "12,5 %"]})
    assert new_rows(made, plain) == [12.0, 12.5]
    (line,) = made.unfamiliar(read_source(str(plain)))
    assert line.startswith("column 'x': numbers without %")


def test_a_typed_file_beside_a_text_file_keeps_its_numbers(tmp_path: Path) -> None:
    """Tables that are stacked, or joined, are read as texts together."""
    trained_on_commas(tmp_path / "a.csv")
    pd.DataFrame({"x": X, "z": [i % 2 for i in range(ROWS)]}).to_parquet(tmp_path / "b.parquet")
    made = tables(
        {
            "a": {"path": str(tmp_path / "a.csv"), "targets": {"y": "binary"}},
            "b": {"path": str(tmp_path / "b.parquet"), "targets": {"z": "binary"}},
        },
        separator="semicolon",
    )
    assert made.frame["x"].tolist() == [*X, *X]
    keys = pd.DataFrame({"k": range(ROWS), "x": X})
    keys.to_parquet(tmp_path / "keys.parquet")
    (tmp_path / "c.csv").write_text("\n".join(["k;y", *(f"{ROWS - 1 - i};{i % 2}" for i in range(ROWS))]))
    join = [{"path": str(tmp_path / "keys.parquet"), "on": "k"}]
    joined = table(
        str(tmp_path / "c.csv"), {"y": "binary"}, separator="semicolon", join=join, formats={"x": "decimal_comma"}
    )
    assert joined.frame["x"].tolist() == X[::-1]


DAYS = [date(2024, 1, 1) + timedelta(days=i % 50) for i in range(ROWS)]


def trained_on_days(path: Path) -> TableSuite:
    lines = [f"{day:%d/%m/%Y};{i % 2}" for i, day in enumerate(DAYS)]
    path.write_text("\n".join(["x;y", *lines]))
    return table(str(path), {"y": "binary"}, separator="semicolon")


@pytest.mark.parametrize("clock", [None, time(13, 5, 7)])
def test_times_of_a_sheet_are_those_of_a_text_file_with_the_day_first(tmp_path: Path, clock: time | None) -> None:
    made = trained_on_days(tmp_path / "my.csv")
    moment = datetime.combine(date(2024, 2, 3), clock or time())
    found = new_rows(made, workbook(tmp_path / "new.xlsx", {"x": ["31/01/2024", moment, "n/a", date(2024, 2, 1)]}))
    expected = [pd.Timestamp(text, tz="UTC") for text in ("2024-01-31", str(moment), "", "2024-02-01")]
    assert [str(one) for one in found] == [str(one) for one in expected]
    with pytest.raises(InputError, match="row 2 holds '2024-02-03', which is no time written day first"):
        new_rows(made, workbook(tmp_path / "other.xlsx", {"x": [moment, "2024-02-03"]}))


def test_a_sheet_of_times_and_of_texts_with_the_day_first_is_one_of_times(tmp_path: Path) -> None:
    days = [day if i % 3 else f"{day:%d.%m.%Y}" for i, day in enumerate(DAYS)]
    path = workbook(tmp_path / "my.xlsx", {"x": days, "y": [i % 2 for i in range(ROWS)]})
    made = table(str(path), {"y": "binary"})
    assert made.frame["x"].tolist() == [pd.Timestamp(day, tz="UTC") for day in DAYS]
    plain = workbook(tmp_path / "plain.xlsx", {"x": DAYS, "y": [i % 2 for i in range(ROWS)]})
    for formats in (None, {"x": "day_first"}):  # which is said of texts
        assert table(str(plain), {"y": "binary"}, formats=formats).frame["x"].tolist() == made.frame["x"].tolist()


def test_times_of_a_typed_file_beside_a_text_file(tmp_path: Path) -> None:
    trained_on_days(tmp_path / "a.csv")
    pd.DataFrame({"x": pd.to_datetime(DAYS), "z": [i % 2 for i in range(ROWS)]}).to_parquet(tmp_path / "b.parquet")
    entries = [("a", "a.csv", "y"), ("b", "b.parquet", "z")]
    made = tables(
        {name: {"path": str(tmp_path / file), "targets": {target: "binary"}} for name, file, target in entries},
        separator="semicolon",
    )
    assert made.frame["x"].tolist() == [pd.Timestamp(day, tz="UTC") for day in DAYS] * 2
