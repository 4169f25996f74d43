"""Rows are taken as they stand, and what a cell means is fitted once and written down with the run."""

import gzip
import json
import lzma
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from mtl.errors import InputError
from mtl.suites.table import TableSuite, table
from mtl.suites.table.dates import TextTimes
from mtl.suites.table.reading import plain, read_table
from mtl.suites.table.types import ColumnType

ROWS = 120
DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=ROWS).round(3), DRAW.integers(0, 2, ROWS)


def written(path: Path, lines: Sequence[str], header: str) -> str:
    path.write_text(header + "\n" + "".join(f"{line}\n" for line in lines))
    return str(path)


def read(path: Path, lines: Sequence[str], header: str, **options: object) -> TableSuite:
    return TableSuite(lambda: read_table(Path(written(path, lines, header))), {"y": "binary"}, **options)  # type: ignore[arg-type]


def test_a_separator_at_the_end_of_rows_moves_no_column(tmp_path: Path) -> None:
    lines = [f"{1000 + i},{X[i]},{Y[i]}," for i in range(ROWS)]
    frame = read(tmp_path / "my.csv", lines, "id,x,y").frame
    assert list(frame.columns) == ["id", "x", "y"]
    assert frame.id.tolist() == list(range(1000, 1000 + ROWS))
    assert frame.y.tolist() == [str(y) for y in Y]


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        (
            "x,y",
            "1,0,7",
            "line 122 has 3 values, where the header has 2; a separator inside a value has to be in quotes",
        ),
        ("x,y", "1", r"line 122 has 1 value, where the header has 2; was the file cut off there\?"),
        ("0.5,1", "", "the first row looks like values, not like names: '0.5'.*task.header=false"),
        ("1,2", "", "the first row looks like values"),
        ("Report of May", "", r"line 1 has 1 value and the lines from 2 on have 2: .*task.skip=1"),
        ("y", "", r"say task\.skip=1 \(or line 1 lacks the name of a column: then add it\)"),
        ("x;y", "", "whose name holds a semicolon: use task.separator=semicolon"),
        ("x;size, cm;y;z;u", "", "has 2 columns, whose names hold a semicolon 4 times: use task.separator=semicolon"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, header: str, line: str, message: str) -> None:
    separator = ";" if ";" in header else ","
    lines = [f"{x}{separator}{y}" for x, y in zip(X, Y, strict=True)] + [line] * bool(line)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "my.csv", lines, header)


def test_a_header_in_the_midst_is_no_row(tmp_path: Path) -> None:
    lines = [f"{x},{y}" for x, y in zip(X, Y, strict=True)]
    with pytest.raises(InputError, match="row 51 is the header once more, as where files were joined: remove it"):
        read(tmp_path / "my.csv", [*lines[:50], "x,y", *lines[50:]], "x,y")


def test_a_file_without_header_keeps_its_first_row(tmp_path: Path) -> None:
    path = written(tmp_path / "my.csv", [f"{x},{y}" for x, y in zip(X[1:], Y[1:], strict=True)], f"{X[0]},{Y[0]}")
    made = table(path, {"column2": "binary"}, header=False)
    np.testing.assert_array_equal(made.frame.column1, X)


def test_a_preamble_and_the_line_of_excel_are_no_rows(tmp_path: Path) -> None:
    lines = [f"{x};{y}" for x, y in zip(X, Y, strict=True)]
    path = written(tmp_path / "my.csv", ["x;y", *lines], "sep=;")
    np.testing.assert_array_equal(table(path, {"y": "binary"}).frame.x, X)
    path = written(tmp_path / "my.csv", ["", "x;y", *lines], "of May, for all")
    np.testing.assert_array_equal(table(path, {"y": "binary"}, separator="semicolon", skip=2).frame.x, X)


def test_spaces_around_values_are_none_of_theirs(tmp_path: Path) -> None:
    lines = [f'{x} , {y},  "a, b"' for x, y in zip(X, Y, strict=True)]
    frame = read(tmp_path / "my.csv", lines, "x, y, note").frame
    assert list(frame.columns) == ["x", "y", "note"]
    assert set(frame.note) == {"a, b"}
    assert set(frame.y) == {"0", "1"}


def test_a_file_that_may_have_been_cut_off_is_noted(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in zip(X, Y, strict=True)))
    assert table(str(tmp_path / "my.csv"), {"y": "binary"}).notes == [
        f"'{tmp_path / 'my.csv'}': the last line has no end; if the file was cut off, so was the last value"
    ]


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan"])
def test_a_word_among_texts_is_a_value_and_among_numbers_none(tmp_path: Path, word: str) -> None:
    grades = [("mild", word, "severe")[i % 3] for i in range(ROWS)]
    lines = [f"{word if i % 7 == 0 else X[i]},{grades[i]}" for i in range(ROWS)]
    path = written(tmp_path / "my.csv", lines, "x,grade")
    made = table(path, {"grade": "classes"})
    assert sorted(made.values["grade"]) == sorted({"mild", word, "severe"})
    assert made.frame.x.isna().sum() == len(range(0, ROWS, 7))
    assert made.notes == [
        f"column 'grade': '{word}' (40 cells) is a value like any other; if it means that there is none, say "
        f"'task.missing=[\"{word}\"]'"
    ]
    without = table(path, {"grade": "classes"}, missing=[word])
    assert without.values["grade"] == ("mild", "severe")
    without.configure_batches(8, seed=0)
    without.setup("fit")
    unlabelled = sum(int(part.split()[0]) for part in without.preview().split("; ")[1:])
    assert unlabelled == 40


def test_what_a_spreadsheet_could_not_compute_is_no_number(tmp_path: Path) -> None:
    lines = [f"{'#DIV/0!' if i % 9 == 0 else X[i]},{Y[i]}" for i in range(ROWS)]
    assert read(tmp_path / "my.csv", lines, "x,y").frame.x.isna().sum() == len(range(0, ROWS, 9))


@pytest.mark.parametrize(("yes", "no"), [("Ja", "Nein"), ("oui", "non"), ("sí", "no")])
def test_yes_is_yes_in_other_languages(tmp_path: Path, yes: str, no: str) -> None:
    made = read(tmp_path / "my.csv", [f"{X[i]},{yes if Y[i] else no}" for i in range(ROWS)], "x,y")
    assert made.values["y"] == (no, yes)
    assert made.notes == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_identifiers_beyond_double_precision_stay_apart(tmp_path: Path, suffix: str) -> None:
    keys = [2**53 + i % 6 for i in range(ROWS)]
    frame = pd.DataFrame({"x": X, "key": pd.array([None, *keys[1:]], dtype="Int64"), "y": Y})
    path = tmp_path / f"my{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    made = table(str(path), {"y": "binary"})
    assert [name for name in made.encoding.features if name.startswith("key")][1:] == [
        f"key = {2**53 + i}" for i in range(6)
    ]


def test_identifiers_are_not_rounded_beside_those_of_another_file(tmp_path: Path) -> None:
    """A file of pandas has numbers in double precision where some are missing."""
    frame = pd.DataFrame({"id": np.arange(60) % 5 + 2**60, "x": np.arange(60.0), "y": np.arange(60.0) % 7})
    frame.to_parquet(tmp_path / "my.parquet")
    rounded = frame.astype({"id": "float64"})
    rounded.assign(id=[None, 5.0] * 30).to_parquet(tmp_path / "other.parquet")
    path_test = str(tmp_path / "other.parquet")
    made = table(str(tmp_path / "my.parquet"), {"y": "regression"}, path_test=path_test)
    assert list(made.statistics()["columns"][0]["values"]) == [str(2**60 + i) for i in range(5)]
    rounded.to_parquet(path_test)
    with pytest.raises(InputError, match=r"column 'id' has whole numbers beyond 2\^53 in some rows, and numbers in"):
        table(str(tmp_path / "my.parquet"), {"y": "regression"}, path_test=path_test)
    frame.astype({"id": "int64"}).assign(id=range(60)).to_parquet(tmp_path / "my.parquet")
    assert len(read_table(tmp_path)) == 120


def test_values_of_two_types_in_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "my.jsonl").write_text('{"x": 1}\n{"x": "n/a"}\n')
    with pytest.raises(InputError, match=r"my\.jsonl': column 'x' holds values of two types, number and string: write"):
        read_table(tmp_path / "my.jsonl")


def test_whole_decimals_beyond_64_bits_stay_apart(tmp_path: Path) -> None:
    keys = pyarrow.array([Decimal(10**20 + i % 3) for i in range(ROWS)], type=pyarrow.decimal128(38, 0))
    few = pyarrow.array([Decimal(i % 50) for i in range(ROWS)], type=pyarrow.decimal128(38, 0))
    columns = pyarrow.table({"key": keys, "few": few, "y": pyarrow.array(Y)})
    parquet.write_table(columns, tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), {"y": "binary"})
    assert [made.frame[name].nunique() for name in ("key", "few")] == [3, 50]
    assert (made.remarks["key"][0], made.remarks["few"][0]) == ("category", "number")


def test_whole_numbers_beyond_64_bits_in_json_are_not_rounded(tmp_path: Path) -> None:
    rows = [{"key": 2**70 + i % 3, "mass": 5.97e24, "y": int(Y[i])} for i in range(ROWS)]
    (tmp_path / "my.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=f"column 'key' has whole numbers that would be rounded, as {2**70}: write"):
        read_table(tmp_path / "my.jsonl")
    texts = [row | {"key": str(row["key"])} for row in rows]
    (tmp_path / "my.jsonl").write_text("\n".join(map(json.dumps, texts)))
    assert read_table(tmp_path / "my.jsonl").key.nunique() == 3


@pytest.mark.parametrize(("cells", "expected"), [([b"ab", b"cd"], {"ab", "cd"}), ([b"ab", b"\xff"], {"ab", "ff"})])
def test_bytes_are_texts(tmp_path: Path, cells: list[bytes], expected: set[str]) -> None:
    """Whatever the others are: files of a folder, pieces of a stream and new rows have the same text for a value."""
    columns = pyarrow.table({"a": pyarrow.array([cells[i % 2] for i in range(ROWS)]), "y": pyarrow.array(Y)})
    parquet.write_table(columns, tmp_path / "my.parquet")
    assert set(table(str(tmp_path / "my.parquet"), {"y": "binary"}).frame.a) == expected


def test_categories_may_be_numbered_without_a_sign(tmp_path: Path) -> None:
    """As Polars does; also bytes by number, in a stream, and in a part of a folder without rows."""
    texts, codes = pyarrow.array(["p", "q"], pyarrow.large_string()), pyarrow.array([i % 2 for i in range(ROWS)])
    columns = pyarrow.table(
        {
            "a": pyarrow.DictionaryArray.from_arrays(codes.cast(pyarrow.uint32()), texts),
            "b": pyarrow.DictionaryArray.from_arrays(codes, texts.cast(pyarrow.binary())),
            "x": pyarrow.array(X),
            "y": pyarrow.array(Y),
        }
    )
    parquet.write_table(columns[:0], tmp_path / "a.parquet")
    parquet.write_table(columns, tmp_path / "b.parquet")
    expected = ["p", "q"] * (ROWS // 2)
    for found in (read_table(tmp_path), read_table(tmp_path / "b.parquet"), plain(columns.to_batches()[0])):
        assert found.a.tolist() == found.b.tolist() == expected


def test_truth_values_of_a_typed_file_may_be_written_as_texts(tmp_path: Path) -> None:
    pd.DataFrame({"flag": X > 0, "y": Y}).to_parquet(tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), {"y": "binary"}, form="flat")
    new = read_table(Path(written(tmp_path / "new.csv", ["True", "false"], "flag")))
    same = made.inputs(pd.DataFrame({"flag": [True, False]}))["x"]
    assert made.inputs(new)["x"].tolist() == same.tolist()


def test_numbers_that_are_missing_in_new_rows_alone_are_pointed_out(tmp_path: Path) -> None:
    made = read(tmp_path / "my.csv", [f"{X[i]},{Y[i]}" for i in range(ROWS)], "x,y")
    (line,) = made.unfamiliar(pd.DataFrame({"x": ["1.5", None, "NA"]}))
    assert line == "column 'x': 2 of 3 rows have no value, and in the training none was missing"


def test_what_a_cell_means_does_not_depend_on_the_other_cells_of_its_file(tmp_path: Path) -> None:
    codes = [("007", "A3", "012")[i % 3] for i in range(ROWS)]
    flags = [("TRUE", "FALSE", "unknown")[i % 3] for i in range(ROWS)]
    lines = [f"{codes[i]},{flags[i]},{Y[i]}" for i in range(ROWS)]
    path = written(tmp_path / "train.csv", lines, "code,flag,y")
    made = table(path, {"y": "binary"}, form="flat")
    (tmp_path / "statistics.json").write_text(json.dumps(made.statistics()))
    again = table(path, {"y": "binary"}, form="flat", statistics=str(tmp_path / "statistics.json"))
    new = read_table(Path(written(tmp_path / "new.csv", ["007,TRUE", "012,FALSE"], "code,flag")))
    assert again.encoding == made.encoding
    assert not again.unfamiliar(new)
    active = [
        {name for name, value in zip(made.encoding.features, row, strict=True) if value}
        for row in again.inputs(new)["x"].tolist()
    ]
    assert active == [{"code = 007", "flag = TRUE"}, {"code = 012", "flag = FALSE"}]
    other = read_table(Path(written(tmp_path / "new.csv", ["7,TRUE", "12,FALSE", "007,TRUE"], "code,flag")))
    assert again.unfamiliar(other) == [
        "column 'code': 2 of 3 values, such as '7', were rare in the training or not there, and count as missing; "
        "it had '007', '012', 'A3'"
    ]


def test_zip_codes_that_are_asked_for_as_categories_keep_their_zeros(tmp_path: Path) -> None:
    lines = [f"{'01234' if i % 2 else '1234'},{Y[i]}" for i in range(ROWS)]
    made = read(tmp_path / "my.csv", lines, "zip,y", columns={"zip": "category"})
    assert made.encoding.features == ("zip = other", "zip = 01234", "zip = 1234")


def days(pattern: str) -> list[str]:
    return [day.strftime(pattern) for day in pd.date_range("2023-01-01", periods=ROWS)]


@pytest.mark.parametrize(
    "pattern", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%Y-%m-%dT%H:%M", "%d/%m/%y 12:30"]
)
def test_days_are_read_in_one_way_that_the_column_decides(tmp_path: Path, pattern: str) -> None:
    lines = [f"{day},{Y[i]}" for i, day in enumerate(days(pattern))]
    made = read(tmp_path / "my.csv", lines, "day,y")
    expected = pd.Series(pd.date_range("2023-01-01", periods=ROWS, tz="UTC"), name="day")
    assert (made.frame.day.dt.floor("D") == expected).all()
    assert made.remarks["day"] == ("time", "")


def test_years_of_two_digits_are_those_of_the_standard() -> None:
    texts = pd.Series([f"01.02.{year:02}" for year in (0, 68, 69, 99)])
    expected = [pd.Timestamp(datetime.strptime(text, "%d.%m.%y"), tz="UTC") for text in texts]
    assert TextTimes("day_first").read(texts, "column 'day'").tolist() == expected
    assert [one.year for one in expected] == [2000, 2068, 1969, 1999]


def test_days_that_no_cell_decides_are_asked_for(tmp_path: Path) -> None:
    lines = [f"{1 + i % 9:02}/{1 + i % 12:02}/2023,{Y[i]}" for i in range(ROWS)]
    with pytest.raises(
        InputError, match=r"'01/01/2023' may have the day or the month first.*task\.formats={day: day_first}"
    ):
        read(tmp_path / "my.csv", lines, "day,y")
    made = read(tmp_path / "my.csv", lines, "day,y", formats={"day": "month_first"})
    assert made.frame.day.dt.day.tolist() == [1 + i % 12 for i in range(ROWS)]
    ignored = read(
        tmp_path / "my.csv", [f"{X[i]},{line}" for i, line in enumerate(lines)], "x,day,y", columns={"day": "ignore"}
    )
    assert ignored.encoding.features == ("x",)
    with pytest.raises(
        InputError, match=r"task\.formats\.day=day: expected year_first, day_first, month_first, short_year_first or a"
    ):
        read(tmp_path / "my.csv", lines, "day,y", formats={"day": "day"})
    with pytest.raises(InputError, match=r"column in task\.formats 'dya': did you mean 'day'"):
        read(tmp_path / "my.csv", lines, "day,y", formats={"dya": "day_first"})


@pytest.mark.parametrize(
    "values", [["2.8.11", "10.1.2"], ["4711-03", "4712-04"], ["1234-5", "1234-6"], ["12:30", "13:00"]]
)
def test_versions_and_codes_are_no_dates(values: list[str]) -> None:
    assert ColumnType.fit(pd.Series(values, name="a"), None, None, declared=False).type == "text"


def test_a_date_without_end_is_a_date(tmp_path: Path) -> None:
    ends = ["9999-12-31" if i % 3 else day for i, day in enumerate(days("%Y-%m-%d"))]
    lines = [f"{end},{Y[i]}" for i, end in enumerate(ends)]
    made = read(tmp_path / "my.csv", lines, "end,y")
    axis = made.inputs(made.frame)["x"][:, 0]
    ended = axis[::3]
    assert axis.max() == 8
    assert ended.abs().max() < 3  # the others are standardised without those that have no end
    new = read_table(Path(written(tmp_path / "new.csv", ["9999-12-31", "2023-02-01"], "end")))
    assert made.inputs(new)["x"][0, 0] == 8


def test_the_zero_date_of_a_database_is_no_date(tmp_path: Path) -> None:
    lines = [f"{'0000-00-00' if i % 5 == 0 else day},{Y[i]}" for i, day in enumerate(days("%Y-%m-%d"))]
    made = read(tmp_path / "my.csv", lines, "day,y")
    assert made.frame.day.isna().sum() == len(range(0, ROWS, 5))


def test_a_date_without_beginning_is_a_date(tmp_path: Path) -> None:
    begins = ["0001-01-01" if i % 3 == 0 else day for i, day in enumerate(days("%Y-%m-%d"))]
    axis = read(tmp_path / "my.csv", [f"{begin},{Y[i]}" for i, begin in enumerate(begins)], "begin,y")
    found = axis.inputs(axis.frame)["x"][:, 0]
    assert found.min() == -8
    assert found[1::3].abs().max() < 3


def test_a_date_written_otherwise_than_in_the_training_is_refused(tmp_path: Path) -> None:
    made = read(tmp_path / "my.csv", [f"{day},{Y[i]}" for i, day in enumerate(days("%d/%m/%Y"))], "day,y")
    new = read_table(Path(written(tmp_path / "new.csv", ["13/02/2023", "02/13/2023"], "day")))
    with pytest.raises(InputError, match="column 'day': row 2 holds '02/13/2023', which is no time written day first"):
        made.inputs(new)
    missing = made.inputs(pd.DataFrame({"day": ["", None]}).replace("", None))["x"]
    assert missing[:, -1].tolist() == [1, 1]
    for first in ("soon", "2023-02-13", "17", "0 days 01:00:00", "True"):
        with pytest.raises(
            InputError, match=f"column 'day': row 1 holds '{first}', which is no time written day first"
        ):
            made.inputs(pd.DataFrame({"day": [first, "never"]}))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,50 €", "12,5 €"], [1234.5, 12.5]),
        (["1,234", "1,234.5"], [1234, 1234.5]),
        (["12 %", "3.5%"], [12, 3.5]),
        (["1'000", "25"], [1000, 25]),
        (["-1,1568", "0,5"], [-1.1568, 0.5]),
        (["+3", "1e3"], [3, 1000]),
        (["(1,234.50)", "12"], [-1234.5, 12]),
        (["-$5", "$7", "$-1"], [-5, 7, -1]),
        (["\u22125", "3.5"], [-5, 3.5]),
        (["\u20135", "3,5"], [-5, 3.5]),
        (["1\u2009234\u2009567", "8"], [1234567, 8]),
        (["1\u2007234,5", "8"], [1234.5, 8]),
        (["12,34,567", "99,999"], [1234567, 99999]),
        (["12%", "0"], [12, 0]),
        (["1.250", "999.5"], [1.25, 999.5]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells: list[str], expected: list[float]) -> None:
    values = pd.Series(cells, name="a")
    found = ColumnType.fit(values, None, None, declared=False)
    assert found.type == "number"
    assert found.read(values).tolist() == expected


@pytest.mark.parametrize("cells", [["$5", "€6"], ["12%", "0.12"], ["(1)", "(2)"], ["3E2", "302"]])
def test_two_currencies_shares_beside_percents_and_codes_are_no_numbers(cells: list[str]) -> None:
    assert ColumnType.fit(pd.Series(cells, name="a"), None, None, declared=False).type == "text"


@pytest.mark.parametrize(
    ("cells", "new", "message"),
    [
        (["12 %", "3.5%", "0"], ["0", "0.12"], "row 2 holds '0.12', where the others are written with %"),
        (["$5", "7"], ["8", "€6"], "row 2 holds '€6', where the others are written with \\$"),
        (["1,234.5", "7"], ["5", "12%"], "row 2 holds '12%', where the others are written without a unit"),
    ],
)
def test_a_number_of_another_unit_than_in_the_training_is_refused(
    tmp_path: Path, cells: list[str], new: list[str], message: str
) -> None:
    """0.12 may be 12 % or 0.12 %. The sign of a currency may be missing."""
    made = read(tmp_path / "my.csv", [f'"{cells[i % len(cells)]}",{Y[i]}' for i in range(ROWS)], "rate,y")
    assert made.table.types is not None
    again = ColumnType(**made.table.types["rate"].plain())
    for one in (made.table.types["rate"], again):
        with pytest.raises(InputError, match=f"column 'rate': {message}"):
            one.read(pd.Series(new, name="rate"))
    assert len(made.inputs(pd.DataFrame({"rate": cells}))["x"]) == len(cells)


@pytest.mark.parametrize(
    ("cells", "new", "message"),
    [
        (["0,5", "-1.234,25"], ["1.234", "0.5"], "row 2 holds '0.5', which is no number written with a decimal comma"),
        (["0,5", "-1.234,25"], ["0,5", "many"], "row 2 holds 'many', which is no number written with a decimal comma"),
        (["1,234.5", "0.5"], ["1,5", "2"], "row 1 holds '1,5', which is no number written with a decimal point"),
    ],
)
def test_numbers_written_otherwise_than_in_the_training_are_refused(
    cells: list[str], new: list[str], message: str
) -> None:
    """Else 1.234 would be a thousand times larger alone than beside 0.5."""
    fitted = ColumnType.fit(pd.Series(cells, name="a"), None, None, declared=False)
    with pytest.raises(InputError, match=re.escape(f"column 'a': {message}")):
        fitted.read(pd.Series(new, name="a"))


def test_a_way_to_write_that_the_cells_do_not_have_is_refused() -> None:
    values = pd.Series(["1.5", "2.25"], name="a")
    fitted = ColumnType.fit(values, None, "decimal_comma", declared=False)
    with pytest.raises(InputError, match=r"row 1 holds '1\.5', which is no number written with a decimal comma"):
        fitted.read(values)


def test_digits_of_other_scripts_are_texts() -> None:
    values = pd.Series(["１２", "３４"], name="a")
    assert ColumnType.fit(values, None, None, declared=False).type == "text"


def test_percents_that_a_file_of_numbers_has_are_pointed_out(tmp_path: Path) -> None:
    made = read(tmp_path / "my.csv", [f"{i % 9}%,{Y[i]}" for i in range(ROWS)], "rate,y")
    (line,) = made.unfamiliar(pd.DataFrame({"rate": [0.05, 0.12]}))
    assert line == "column 'rate': numbers without %, where the training's are written with it: 12 counts as 12 %"
    assert made.unfamiliar(pd.DataFrame({"rate": ["5%", "12 %"]})) == []


@pytest.mark.parametrize(
    ("zone", "new", "said"),
    [
        ("+02:00", "2024-01-31 12:00", "times without a zone count as UTC"),
        ("+02:00", pd.Timestamp("2024-01-31 12:00"), "times without a zone count as UTC"),
        ("+02:00", "2024-01-31T12:00Z", ""),
        ("", "2024-01-31 12:00-0500", "times are turned into UTC by their zone"),
        ("", pd.Timestamp("2024-01-31 12:00", tz="Europe/Berlin"), "times are turned into UTC by their zone"),
        ("", "2024-01-31 12:00 UTC", ""),
        ("", "2024-01-31", ""),
        ("", pd.Timestamp("2024-01-31 12:00", tz="UTC"), ""),
    ],
)
def test_times_of_other_zones_than_those_of_the_training_are_pointed_out(
    zone: str, new: object, said: str, tmp_path: Path
) -> None:
    """Hours would be shifted, and nobody sees it."""
    lines = [f"2024-01-{i % 28 + 1:02} {i % 24:02}:15:00{zone},{Y[i]}" for i in range(ROWS)]
    made = read(tmp_path / "my.csv", lines, "at,y")
    assert said in "".join(made.unfamiliar(pd.DataFrame({"at": [new]})))
    assert bool(made.unfamiliar(pd.DataFrame({"at": [new]}))) == bool(said)
    assert "zone" not in repr(ColumnType("at", "time").plain()), "as runs of before have it"


def test_times_of_a_typed_file_are_pointed_out_likewise(tmp_path: Path) -> None:
    frame = pd.DataFrame({"t": pd.date_range("2024", periods=ROWS, freq="5h"), "y": Y})
    other = frame.assign(t=frame["t"].dt.tz_localize("Asia/Tokyo"))
    frame.to_parquet(tmp_path / "a.parquet")
    other.to_parquet(tmp_path / "b.parquet")
    for first, new, said in (("a", other, "turned into UTC by their zone"), ("b", frame, "without a zone count as")):
        made = table(str(tmp_path / f"{first}.parquet"), {"y": "regression"})
        (tmp_path / "statistics.json").write_text(json.dumps(made.statistics()))
        again = table("my.parquet", {}, statistics=str(tmp_path / "statistics.json"))
        assert isinstance(again, TableSuite)
        assert said in " ".join(again.unfamiliar(new))
        assert again.unfamiliar(made.frame) == []
    with pytest.raises(InputError, match=r"column 't' holds times with their zone, and in 'a\.parquet' times"):
        read_table(tmp_path)


def test_several_units_are_refused_also_where_the_decimals_are_said() -> None:
    with pytest.raises(InputError, match="column 'a': its numbers have the signs \\$ and €, expected one"):
        ColumnType.fit(pd.Series(["$5", "€6"], name="a"), None, "decimal_point", declared=False)


@pytest.mark.parametrize(
    ("cells", "point", "comma"), [(["1,234", "5,678"], 1234, 1.234), (["1.230", "999"], 1.23, 1230)]
)
def test_an_unclear_sign_of_thousands_is_asked_for(cells: list[str], point: float, comma: float) -> None:
    """A program writes 1.230 as 1.23, or 999 as 999.000."""
    values = pd.Series(cells, name="a")
    with pytest.raises(
        InputError, match=rf"'{cells[0]}' may be that of thousands or of decimals.*formats={{a: decimal_point}}"
    ):
        ColumnType.fit(values, None, None, declared=False)
    for way, first in (("decimal_point", point), ("decimal_comma", comma)):
        assert ColumnType.fit(values, None, way, declared=False).read(values).tolist()[0] == first


def test_an_index_in_a_parquet_file_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": X, "y": Y})
    frame.set_index("y").to_parquet(tmp_path / "my.parquet")
    assert table(str(tmp_path / "my.parquet"), {"y": "binary"}).frame.y.tolist() == Y.tolist()


def test_decimals_durations_and_times_of_the_day_are_numbers(tmp_path: Path) -> None:
    amounts = pyarrow.array([Decimal(f"{x:.3f}") for x in X], type=pyarrow.decimal128(12, 3))
    seconds = pyarrow.array(range(ROWS), type=pyarrow.duration("ms"))
    clock = pyarrow.array(range(ROWS), type=pyarrow.time32("s"))
    columns = pyarrow.table({"amount": amounts, "took": seconds, "clock": clock, "y": pyarrow.array(Y)})
    parquet.write_table(columns, tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), {"y": "binary"})
    np.testing.assert_allclose(made.frame.amount, X)
    np.testing.assert_allclose(made.frame.took, np.arange(ROWS) / 1000)
    np.testing.assert_allclose(made.frame.clock, np.arange(ROWS))


@pytest.mark.parametrize("ending", ["jsonl", "csv.xz", "folder"])
def test_other_files_give_the_same_rows(tmp_path: Path, ending: str) -> None:
    frame, path = pd.DataFrame({"x": X, "y": Y}), tmp_path / f"my.{ending}"
    if ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == "csv.xz":
        path.write_bytes(lzma.compress(frame.to_csv(index=False).encode()))
    else:
        path.mkdir()
        frame[:50].to_parquet(path / "part-0.parquet")
        frame[50:].to_parquet(path / "part-1.parquet")
    np.testing.assert_array_equal(table(str(path), {"y": "binary"}).frame[["x"]], frame[["x"]])


def test_a_folder_of_unlike_parts_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": X, "y": Y})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.rename(columns={"x": "z"}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet' has other columns than 'a\.parquet': x, z"):
        table(str(tmp_path), {"y": "binary"})


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2], ["a", "b"], "column 'x' holds texts, and in 'a.parquet' numbers"),
        ([True, False], [1, 0], "column 'x' holds numbers, and in 'a.parquet' true or false"),
        ([1, 2], pd.to_datetime(["2024-01-01", "2024-01-02"]), "column 'x' holds times, and in 'a.parquet' numbers"),
    ],
)
def test_parts_of_a_folder_say_the_same_of_their_columns(
    first: list[Any], second: list[Any], message: str, tmp_path: Path
) -> None:
    for name, values in {"a": first, "b": second}.items():
        pd.DataFrame({"x": values, "y": [0, 1]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match=re.escape(message)):
        table(str(tmp_path), {"y": "binary"})


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.float64(), pyarrow.null()])
def test_a_part_without_rows_leaves_columns_their_types(kind: pyarrow.DataType, tmp_path: Path) -> None:
    """Whole numbers beside floating ones would be rounded."""
    whole = pyarrow.table({"x": [2**60 + 1, 2, 3], "y": [0, 1, 0]})
    parquet.write_table(whole, tmp_path / "b.parquet")
    nothing = pyarrow.table({"x": pyarrow.array([], kind), "y": pyarrow.array([], kind)})
    for name in ("a", "c"):
        parquet.write_table(nothing, tmp_path / f"{name}.parquet")
    assert read_table(tmp_path)["x"].tolist() == [2**60 + 1, 2, 3]


@pytest.mark.parametrize(
    "values",
    [range(100, 400, 2), np.linspace(0, 1, 150), pd.date_range("2024-01-01", periods=150), ["a", "b", "c"] * 50],
    ids=["whole numbers", "numbers", "times", "texts"],
)
def test_a_part_without_any_value_leaves_a_column_its_type(values: Any, tmp_path: Path) -> None:
    """A program that knows no type of such a column writes none."""
    labels = [0, 1] * 75
    whole = pd.DataFrame({"x": [*values, *[None] * 150], "y": labels * 2})
    whole.to_parquet(tmp_path / "whole.parquet")
    (tmp_path / "parts").mkdir()
    pd.DataFrame({"x": values, "y": labels}).to_parquet(tmp_path / "parts" / "a.parquet")
    pd.DataFrame({"x": [None] * 150, "y": labels}).to_parquet(tmp_path / "parts" / "b.parquet")
    options: Any = {"targets": {"y": "binary"}, "columns": {"y": "number"}}
    expected, found = (table(str(tmp_path / name), **options) for name in ("whole.parquet", "parts"))
    assert found.encoding == expected.encoding
    assert "x" in {column.name for column in found.encoding.columns} or values == range(100, 400, 2)


def test_a_damaged_compressed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "my.csv.xz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(InputError, match="is damaged or not compressed as its name says"):
        table(str(tmp_path / "my.csv.xz"), {"y": "binary"})


@pytest.mark.parametrize("asked", [None, "number"])
def test_true_and_false_are_numbers_and_nothing_else_is_among_them(asked: str | None) -> None:
    values = pd.Series(["TRUE", "false", None, "NA"], name="a", dtype="str")
    found = ColumnType.fit(values, asked, None, declared=False)
    assert found.read(values).astype("float64").tolist()[:2] == [1.0, 0.0]
    assert found.read(values).isna().tolist() == [False, False, True, True]
    assert found.read(pd.Series(["TRUE", "unknown"], name="a")).tolist() == ["TRUE", "unknown"]
    assert ColumnType.fit(values, "text", None, declared=False).read(values).tolist()[:2] == ["TRUE", "false"]


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    lines = [f"{x},{y}" for x, y in zip(X, Y, strict=True)]
    np.testing.assert_array_equal(read(tmp_path / "my.csv", lines, "self,y").frame["self"], X)


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"x": X, "y": Y})[:0].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="has no rows"):
        table(str(tmp_path), {"y": "binary"})


def test_a_time_of_the_day_may_be_missing(tmp_path: Path) -> None:
    clock = pyarrow.array([None if i % 2 else i for i in range(ROWS)], type=pyarrow.time32("s"))
    parquet.write_table(pyarrow.table({"clock": clock, "y": pyarrow.array(Y)}), tmp_path / "my.parquet")
    assert table(str(tmp_path / "my.parquet"), {"y": "binary"}).frame.clock.isna().tolist() == [
        i % 2 == 1 for i in range(ROWS)
    ]
