"""Files of rows and columns, and what can be wrong with them."""

import gzip
from collections.abc import Callable, Sequence
from datetime import time
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from mtl.errors import InputError
from mtl.suites.table import table
from mtl.suites.table.reading import as_in_file, read_table
from mtl.suites.table.source import read_source
from tests.suites.table.customers import TARGETS, customers


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".txt", ".parquet", ".arrow"])
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    frame, path = customers(), tmp_path / f"my{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".arrow":
        frame.to_feather(path)
    elif suffix == ".csv.gz":
        with gzip.open(path, "wb") as file:
            file.write(frame.to_csv(index=False).encode())
    else:
        frame.to_csv(path, index=False, sep={".tsv": "\t", ".txt": ";"}.get(suffix, ","))
    read = table(str(path), TARGETS, separator=";" if suffix == ".txt" else ",").frame
    pd.testing.assert_frame_equal(read, with_times(frame), check_dtype=False)


def with_times(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(since=pd.to_datetime(frame.since, utc=True))


def parquet_bytes(names: Sequence[str] = ("a", "churn")) -> bytes:
    out = BytesIO()
    parquet.write_table(pyarrow.table([pyarrow.array(range(50))] * len(names), names=list(names)), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("my.csv", b"", {}, "my.csv' is empty"),
        ("my.csv", b"\n\n", {}, "my.csv' is empty"),
        ("my.csv", b"a,churn\n", {}, "has no rows"),
        ("my.csv", b"a,b,a\n1,2,3\n", {}, "has the column 'a' more than once: columns 1, 3"),
        ("my.csv", b"a;churn\n1;2\n", {}, "whose name holds a semicolon: use task.separator=semicolon"),
        ("my.tsv", b"a;churn\n1;2\n", {}, "a semicolon: name the file .csv, and use task.separator=semicolon"),
        ("my.csv", b"a churn\n1 2\n", {}, "whose name holds a space: use task.separator=space"),
        *(
            ("my.txt", content, {"separator": "space"}, f"line {line} has several spaces between two values, or before")
            for content, line in (
                (b"x churn\n1   2\n11  3\n1   4\n11  4\n", 2),
                (b"x   churn\n1   2\n11  3\n", 1),
                (b" x churn\n 1 2\n 3 4\n", 1),
                (b'x churn\n"a b" 2\n1   3\n', 3),
            )
        ),
        ("my.txt", b"x y churn\n1 2\n", {"separator": "space"}, "line 2 has 2 values, where the header has 3"),
        ("my.csv", b"a,churn\n1,2\n", {"separator": ";"}, "whose name holds a comma: use task.separator=comma"),
        ("my.csv", b"a::churn\n1::2\n", {"separator": "::"}, "unknown separator in task.separator '::'"),
        ("my.csv", b"a,churn\n1,2\n", {"separator": "semicolons"}, "did you mean 'semicolon'"),
        ("my.csv", b'a,churn\n1,"2\n3,4\n', {}, "cannot be read with comma between values: EOF inside string"),
        ("my.csv", b"a\tchurn\n1\t2\n", {}, "use task.separator=tab"),
        ("my.csv", b"a,churn\n1,2\n1,2,3\n", {}, "cannot be read with comma between values: .*line 3"),
        ("my.csv", b"name,churn\nK\xf6ln,1\n", {}, r"no utf-8 text \(line 2\).*task.encoding=latin-1"),
        ("my.csv", "年龄,流失\n1,是\n".encode("gb18030"), {}, r"task\.encoding=gb18030 \(if it is Chinese\)"),
        ("my.csv", "a,流失\n1,是\n".encode(), {"encoding": "gb18030"}, r"no gb18030 text.*task\.encoding=utf-8$"),
        ("my.csv", "a,b\n1,été là\n".encode("latin-1"), {}, r"task\.encoding=latin-1$"),
        ("my.csv", "name,churn\nKöln,1\n".encode("utf-16"), {}, r"no utf-8 text \(line 1\).*task.encoding=utf-16"),
        ("my.csv", b"name,churn\nOslo,1\n", {"encoding": "utf-16"}, "my.csv' (is no utf-16 text|cannot be read)"),
        ("my.csv", b"\xef\xbb\xbfa,churn\n", {"encoding": "latin-1"}, "mark of UTF-8: use task.encoding=utf-8"),
        ("my.csv", "a,churn\n1,2\n".encode("utf-16-le"), {}, "line 1 holds a NUL.*task.encoding=utf-16-le"),
        ("my.csv", b"PK\x03\x04\x00", {}, "is an Excel file or an archive: name it .xlsx or .zip"),
        ("my.csv", parquet_bytes(), {}, "is a Parquet file: name it .parquet"),
        ("my.csv.gz", b"a,churn\n1,2\n", {}, "is damaged or not compressed as its name says"),
        (
            "my.csv.gz",
            gzip.compress(b"a,churn\n" + b"1,2\n" * 99, mtime=0)[:-12],
            {},
            "is damaged or not compressed as",
        ),
        ("my.csv", b"a,churn\n1,2\n", {"encoding": "latin-99"}, "task.encoding=latin-99: unknown"),
        ("my.csv", b"a,churn\n1,2\n", {"encoding": None}, "task.encoding=None: expected a text"),
        ("my.csv", b"a,churn\n1,2\n", {"separator": None}, "task.separator=None: expected a text"),
        ("my.xls", b"PK", {}, "cannot read 'my.xls': expected .csv, .tsv, .txt, .xlsx"),
        ("my.xlsx", b"PK", {}, "is damaged or no .xlsx file"),
        ("my.zip", b"PK", {}, "is damaged or no .zip file"),
        ("my.parquet", b"a,churn\n", {}, "damaged or no .parquet file"),
        ("my.parquet", b"", {}, "my.parquet' is empty"),
        ("my.parquet", parquet_bytes()[:900], {}, "damaged or no .parquet file"),
        ("my.parquet", parquet_bytes(["churn", "churn"]), {}, "has the column 'churn' more than once: columns 1, 2"),
        ("my.arrow", parquet_bytes(), {}, "damaged or no .arrow file"),
        ("my.arrow", b"a,churn\n", {}, "damaged or no .arrow file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, content: bytes, options: dict[str, str], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        table(str(tmp_path / name), TARGETS, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["my.csv", "my.parquet"])
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The administrator, who may run the tests, may read everything: so the refusal is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / name).write_bytes(b"a,churn\n1,2\n")
    monkeypatch.setattr("mtl.suites.table.reading.read_cells", refuse)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", refuse)
    with pytest.raises(InputError, match=rf"{name}' cannot be read: Permission denied"):
        table(str(tmp_path / name), TARGETS)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "my.csv").mkdir()
    for path in (tmp_path, tmp_path / "my.csv"):
        with pytest.raises(InputError, match="is a folder, expected a file"):
            table(str(path), TARGETS)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r\n", 50),
        lambda text: text.replace("\n", "\r"),
    ],
    ids=["mark of byte order", "ends of Windows", "mixed ends", "ends of old"],
)
def test_how_lines_begin_and_end_makes_no_difference(tmp_path: Path, change: Callable[[str], str]) -> None:
    frame = customers()[["churn", "age", "spend", "segment"]]
    (tmp_path / "my.csv").write_bytes(change(frame.to_csv(index=False)).encode())
    pd.testing.assert_frame_equal(table(str(tmp_path / "my.csv"), TARGETS).frame, frame, check_dtype=False)


def test_the_mark_of_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    frame = customers()[["churn", "age", "spend", "segment"]]
    (tmp_path / "my.csv").write_bytes(("\ufeff" + frame.to_csv(index=False)).encode("utf-16-le"))
    assert table(str(tmp_path / "my.csv"), TARGETS, encoding="utf-16-le").frame.columns[0] == "churn"


def test_line_breaks_in_quotes_are_part_of_a_value(tmp_path: Path) -> None:
    frame = customers().assign(city=["Köln\nEhrenfeld", 'a "b", c'] * 100)
    frame.to_csv(tmp_path / "my.csv", index=False)
    made = table(str(tmp_path / "my.csv"), TARGETS)
    pd.testing.assert_frame_equal(made.frame, with_times(frame), check_dtype=False)
    assert "city = Köln\nEhrenfeld" in made.encoding.features


def test_a_missing_file_is_told_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a\n")
    with pytest.raises(InputError, match=r"no file '.*my\.csv'; beside it: other\.csv"):
        table(str(tmp_path / "my.csv"), TARGETS)


def test_a_file_has_to_be_named() -> None:
    with pytest.raises(InputError, match=r"task\.path is empty: name your file"):
        table(None, TARGETS)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_texts_that_mean_no_value_can_be_named_of_typed_files(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"x": range(60), "grade": ["None", "mild", "severe"] * 20})
    path = tmp_path / f"my.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_json(path, orient="records", lines=True)
    assert table(str(path), {"grade": "classes"}, missing=["None"]).values["grade"] == ("mild", "severe")


def test_texts_that_mean_no_value_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,y\n" + "".join(f"{i if i % 3 else '?'},{i % 2}\n" for i in range(60)))
    made = table(str(path), {"y": "binary"}, missing=["?"])
    assert made.encoding.features == ("a", "a is missing")


def test_an_empty_text_in_quotes_is_a_row_and_an_empty_line_is_none(tmp_path: Path) -> None:
    """Also where there is one column only; rows are counted as a person counts them."""
    (tmp_path / "texts.csv").write_text('text\n"good"\n""\n\n   \n"bad\n"\n')
    assert read_source(str(tmp_path / "texts.csv"))["text"].fillna("-").tolist() == ["good", "-", "bad"]


def test_a_frame_of_a_program_is_as_a_file_gives_it_back(tmp_path: Path) -> None:
    """So a run that has learned seconds from a file is not given nanoseconds, or objects that are no numbers."""
    frame = pd.DataFrame(
        {
            "took": pd.to_timedelta([90, None], unit="s"),
            "at": [time(15, 30), None],
            "code": [b"A3", None],
            "day": pd.to_datetime(["2024-02-01 12:00", None]).tz_localize("Europe/Berlin"),
            "n": [1.5, 2],
        },
        index=["a", "b"],
    )
    frame.to_parquet(tmp_path / "my.parquet")
    expected = read_table(tmp_path / "my.parquet").set_axis(frame.index)[list(frame.columns)]
    assert expected["took"].tolist()[0] == 90
    for given in (frame, pd.read_parquet(tmp_path / "my.parquet", dtype_backend="pyarrow")):
        found = as_in_file(given)
        assert list(found.columns) == list(frame.columns)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_index_type=False)
    assert as_in_file(expected) is expected


def test_lists_records_and_decimals_of_a_program_are_what_a_file_has_for_them(tmp_path: Path) -> None:
    """A frame that was read from a database holds them; a list ended in a traceback."""
    values = {"l": [["a", "b"], None], "d": [Decimal("1.50"), float("nan")], "r": [{"k": 1}, {"j": 2}]}
    found = as_in_file(pd.DataFrame({**values, "b": [memoryview(b"A3"), None]}, index=[7, 8]))
    pd.DataFrame({"l": values["l"], "d": [Decimal("1.50"), None]}).to_parquet(tmp_path / "my.parquet")
    expected = read_table(tmp_path / "my.parquet").set_axis(found.index)
    pd.testing.assert_frame_equal(found[["l", "d"]], expected, check_dtype=False)
    assert found["r"].tolist() == ["{'k': 1}", "{'j': 2}"]
    assert found["b"].tolist()[:1] == ["A3"]


def test_between_two_separating_spaces_a_value_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "my.txt").write_text("x y z\n1 2 3\n4  6\n 8 9 \n")
    found = read_table(tmp_path / "my.txt", separator="space")
    assert found.isna().to_numpy().tolist() == [[False] * 3, [False, True, False], [True, False, False]]
