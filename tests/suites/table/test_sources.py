"""Rows from Excel sheets, archives, saved data sets and databases, and columns of other files beside them."""

import gzip
import json
import sqlite3
import zipfile
from datetime import date, datetime
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow
import pytest
from pyarrow import ipc, parquet

from mtl.agent.environments.new_rows import NewRows
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.execution import execute, reading_options
from mtl.runs.identity import run_id
from mtl.suites.table import TableSuite, table
from mtl.suites.table.joining import join_all, parse_joins
from mtl.suites.table.reading import NOTES, TEXTS, read_table
from mtl.suites.table.source import read_source
from mtl.suites.table.sql import is_sorted, read_query
from mtl.suites.tables import tables

ROWS = [
    ["code", "day", "at", "count", "share", "on"],
    ["007", date(2024, 1, 31), datetime(2024, 1, 31, 12, 30), 3, 0.25, True],
    ["A3 ", datetime(2024, 2, 1), None, None, 1e-7, False],
]
CSV = b"""code,day,at,count,share,on
007,2024-01-31,2024-01-31 12:30:00,3,0.25,True
A3,2024-02-01,,,1e-07,False
"""


def workbook(path: Path, rows: list[list[Any]] = ROWS) -> Path:
    """A workbook whose first sheet is hidden, and whose second one begins below two lines of notes."""
    book = openpyxl.Workbook()
    book.active.title, book.active.sheet_state = "hidden", "hidden"
    for name in ("Data", "Other"):
        sheet = book.create_sheet(name)
        for row in [*([["made by hand"], []] if name == "Other" else []), *rows, []]:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_read_as_a_text_file_of_the_same_cells(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_bytes(CSV)
    path = workbook(tmp_path / "my.xlsx")
    found, expected = read_table(path), read_table(tmp_path / "my.csv")
    pd.testing.assert_frame_equal(found, expected)
    assert found.attrs[NOTES] == [f"'{path}': sheet 'Data' is read, not 'hidden', 'Other'"]
    other = read_table(path, sheet="Other", skip=1)
    pd.testing.assert_frame_equal(other, expected)
    with pytest.raises(InputError, match=r"say task\.skip=2"):
        read_table(path, sheet="Other")
    with pytest.raises(InputError, match=r"unknown sheet of .* in task\.sheet 'Date': did you mean 'Data'"):
        read_table(path, sheet="Date")
    with pytest.raises(InputError, match=r"task\.sheet=Data is for Excel files, and 'my.csv' is none"):
        read_table(tmp_path / "my.csv", sheet="Data")


def test_identifiers_that_a_sheet_may_have_rounded_are_pointed_out(tmp_path: Path) -> None:
    path = workbook(tmp_path / "my.xlsx", [["id", "x"], [1.234567890123456e18, 1], ["1234567890123456789", 2], [7, 3]])
    (note,) = [note for note in read_table(path).attrs[NOTES] if "15 digits" in note]
    assert "column 'id': 1 whole numbers have more than the 15 digits that a cell of Excel keeps" in note


def test_a_formula_that_was_never_computed_is_no_missing_value(tmp_path: Path) -> None:
    path = workbook(tmp_path / "my.xlsx", [["a", "b"], [1, "=A2*2"], [2, 4]])
    with pytest.raises(InputError, match="cell B2 of sheet 'Data' is a formula without a value"):
        read_table(path)


def test_merged_cells_have_their_value_in_every_row(tmp_path: Path) -> None:
    path = workbook(tmp_path / "my.xlsx", [["a", "b"], ["x", 1], [None, 2], [None, 3], ["y", 4]])
    book = openpyxl.load_workbook(path)
    book["Data"].merge_cells("A2:A4")
    book["Data"].row_dimensions[5].hidden = True
    book.create_sheet("empty", 0)
    book.save(path)
    frame = read_table(path)
    assert frame.a.tolist() == ["x", "x", "x", "y"]
    sheet, merged, hidden = frame.attrs[NOTES]
    assert sheet.endswith("sheet 'Data' is read, not 'empty', 'hidden', 'Other'")
    assert merged.endswith("of merged cells (A2:A4) each row has the value")
    assert hidden.endswith("hidden rows (1, such as row 5) count as any other")


def test_an_archive_with_one_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_bytes(CSV)
    expected = read_table(tmp_path / "my.csv")
    numbers = pd.DataFrame({"a": [1, None, 2**60 + 1]}, dtype="Int64")
    numbers.to_parquet(tmp_path / "my.parquet")
    for name in ("my.csv", "my.parquet"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.write(tmp_path / name, f"folder/{name}")
            archive.writestr("__MACOSX/x", "")
    pd.testing.assert_frame_equal(read_table(tmp_path / "my.csv.zip"), expected)
    (tmp_path / "my.parquet.gz").write_bytes(gzip.compress((tmp_path / "my.parquet").read_bytes()))
    for name in ("my.parquet.zip", "my.parquet.gz"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), numbers)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(InputError, match=r"holds 2 files, expected one: a\.csv, b\.csv"):
        read_table(tmp_path / "two.zip")


def test_files_of_which_a_log_says_whether_they_count_are_not_put_together(tmp_path: Path) -> None:
    """Those of versions of before lie beside them."""
    for number in range(2):
        pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / f"{number}.parquet")
    assert len(read_table(tmp_path)) == 4
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(InputError, match=r"is a table of Delta Lake, whose files may hold rows that were changed"):
        read_table(tmp_path)


def test_names_of_folders_are_columns_of_their_rows_and_no_row_is_left_out(tmp_path: Path) -> None:
    """As pyarrow writes a data set that is divided by columns."""
    rows = {"year": [2023, 2024, 2024, None], "city": ["a b/c", None, "007", "x"], "x": [1.5, 2.5, 3.5, 4.5]}
    whole = pyarrow.table(rows)
    parquet.write_to_dataset(whole, tmp_path / "all", partition_cols=["year", "city"])
    (tmp_path / "all" / "_SUCCESS").touch()
    found = read_table(tmp_path / "all").sort_values("x")
    assert list(found.columns) == ["x", "year", "city"]
    assert [None if pd.isna(value) else value for value in found["year"]] == rows["year"]
    assert [None if pd.isna(value) else value for value in found["city"]] == rows["city"]
    for name, message in (
        ("all/year=2023/b.csv", r"'year=2023/b\.csv' in the folder .* would be left out: of a folder, \.parquet files"),
        ("all/2025/more/a.parquet", r"'2025' in the folder .* has files of rows, and is not named like year=2024"),
        ("all/0.parquet", r"the folders of 'year=2023/.*' say year and city, those of '0\.parquet' nothing"),
        ("texts/2024/a.csv.gz", r"'2024' in the folder .* has files of rows, and is not named"),
        ("texts/year=2024/a.csv", r"'year=2024/a\.csv' in the folder .* would be left out"),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"x": [1.0]}).to_parquet(file) if file.suffix == ".parquet" else file.write_text("x")
        with pytest.raises(InputError, match=message):
            read_table(tmp_path / name.partition("/")[0])
        file.unlink()
    (again := tmp_path / "again" / "x=1").mkdir(parents=True)
    pd.DataFrame({"x": [1.0]}).to_parquet(again / "A.PARQUET")
    with pytest.raises(InputError, match="has the column 'x', which the name of its folder says, too"):
        read_table(tmp_path / "again")


def saved(folder: Path) -> Path:
    """A data set as the library saves it: streams of Arrow, and what they are in JSON."""
    folder.mkdir(parents=True)
    features = {"x": {"dtype": "int64", "_type": "Value"}, "y": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    whole = pyarrow.table({"x": [1, 2, 3], "y": [1, 0, -1]}).replace_schema_metadata(described)
    files = []
    for number, part in enumerate((whole.slice(0, 2), whole.slice(2))):
        files.append({"filename": f"data-{number:05}-of-00002.arrow"})
        with (
            pyarrow.OSFile(str(folder / files[-1]["filename"]), "wb") as sink,
            ipc.new_stream(sink, whole.schema) as out,
        ):
            out.write_table(part)
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_indices_data_files": None}))
    return folder


def test_a_saved_data_set_is_read_with_the_names_of_its_classes(tmp_path: Path) -> None:
    found = read_table(saved(tmp_path / "all" / "train"))
    assert found["x"].tolist() == [1, 2, 3]
    assert found["y"].tolist()[:2] == ["yes", "no"]
    assert found["y"].isna().tolist() == [False, False, True]
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(InputError, match=r"has the splits train: name one, e\.g\. .*/all/train"):
        read_table(tmp_path / "all")
    (tmp_path / "all" / "train" / "data-00001-of-00002.arrow").write_bytes(b"cut off")
    with pytest.raises(InputError, match="is a damaged data set"):
        read_table(tmp_path / "all" / "train")


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A table of customers in SQLite."""
    with sqlite3.connect(tmp_path / "my.db") as connection:
        connection.execute("create table people (id integer, city text, age real, mixed)")
        rows = [(2**60 + i if i else None, "Oslo" if i % 2 else "Rome", i / 2, i if i else "none") for i in range(40)]
        connection.executemany("insert into people values (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{tmp_path / 'my.db'}"


def test_a_query_gives_rows_of_the_types_of_their_values(database: str) -> None:
    found = read_query(database, "with x as (select * from people) select id, city, age, mixed from x where age < 2")
    assert found["id"].tolist()[1:] == [2**60 + 1, 2**60 + 2, 2**60 + 3]
    assert found["id"].isna().tolist() == [True, False, False, False]
    assert found["age"].tolist() == [0, 0.5, 1, 1.5]
    assert found["mixed"].tolist() == ["none", "1", "2", "3"]
    assert not found.attrs
    made = table(database, {"city": "binary"}, query="select id, city, age from people where id is not null")
    assert isinstance(made, TableSuite)
    assert [column.name for column in made.encoding.columns] == ["age"]


def test_the_query_of_a_run_is_run_again_by_consent_only(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, file = "select city, age from people", tmp_path / "statistics.json"
    first = table(database, {"city": "binary"}, query=query)
    file.write_text(json.dumps(first.statistics()))
    opened = table(database, {}, query=query, statistics=str(file))
    assert isinstance(opened, TableSuite)
    assert opened.inputs(pd.DataFrame({"age": [1.0, 2.0]}))["numbers"].shape == (2, 1)
    with pytest.raises(InputError, match="come from a query that its directory names, 'select city, age"):
        opened.fingerprint  # noqa: B018
    monkeypatch.setenv("MTL_TRUST_QUERY", "1")
    assert opened.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        (None, "delete from people", "task.query: expected a query that reads"),
        (None, "select * from peple", "task.query: sqlite says: no such table: peple"),
        (None, "select * from people where age > 99", "task.query gives no rows"),
        (None, "select city, city from people", "task.query has the column 'city' more than once: columns 1, 2"),
        (None, None, "task.path is a database: say task.query="),
        ("https://example.org/my.csv", None, "task.path is at https://: expected a file on this machine"),
        ("my.csv", "select 1", "task.query is for a database, and task.path=my.csv is none"),
        ("sqlite:///no.db", "select 1", "task.path: no file 'no.db'"),
        ("postgresql://me:geheim@host/db", "select 1", "an address with a password would be written"),
        ("postgresql://host/db?password=geheim", "select 1", "an address with a password would be written"),
        ("env:NO_SUCH_VARIABLE", "select 1", "the variable NO_SUCH_VARIABLE is not set"),
        ("env:ADDRESS", "select 1", "task.path: there is no driver for 'nosuch': install the package"),
        ("postgresql+pg8000://host/db", "select 1", "task.query: postgresql says: No module named 'pg8000'"),
        ("postgresql://me:geheim@host:port/db", "select 1", r"'postgresql://\*\*\*@host:port/db' is no address"),
        ("env:NO_PORT", "select 1", "the variable NO_PORT is no address of a database"),
        ("postgres://host/db", "select 1", "there is no driver for 'postgres': did you mean 'postgresql'"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_without_secrets(
    database: str, path: str | None, query: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDRESS", "nosuch://me:geheim@host/geheim")
    monkeypatch.setenv("NO_PORT", "postgresql://me:geheim@host:port/db")
    with pytest.raises(InputError, match=message) as caught:
        read_source(path or database, query)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_driver_is_given_no_parameters_and_leaves_percent_signs_alone(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of PostgreSQL and MySQL would look for one behind each %, as in LIKE and in a remainder."""
    from sqlalchemy.engine import default

    monkeypatch.setattr(
        default.DefaultDialect, "do_execute", lambda *_, **__: pytest.fail("parameters, if none, were given")
    )
    found = read_query(database, "select id % 7 r from people where city like '%o%' and id % 2 = 1")
    assert len(found) == 20


def test_a_file_whose_name_an_address_would_read_otherwise_is_opened(tmp_path: Path) -> None:
    for name, typed in (("a%41.db", "a%2541.db"), ("a #1.db", "a #1.db"), ("aA.db", "aA.db")):
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute("create table t as select ? name", [name])
        connection.close()
        assert read_query(f"sqlite:///{tmp_path / typed}", "select name from t")["name"].tolist() == [name]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3a://bucket/new.csv", "records is at s3a://: expected a file on this machine"),
        ("s3://bucket/new.csv", "records is at s3://: expected a file on this machine"),
        ("postgresql://host/db", "records is a database: expected a file; save the rows"),
        ("env:ADDRESS", "records is a database: expected a file; save the rows"),
    ],
)
def test_an_address_where_a_file_is_expected_is_said_as_it_was_typed(address: str, message: str, database: str) -> None:
    with pytest.raises(InputError, match=message.partition(": expected")[0]):
        NewRows(address, {})
    with pytest.raises(InputError, match=message.replace("records", r"task.join\[0\].path")):
        parse_joins([{"path": address, "on": "id"}])
    with pytest.raises(InputError, match=message.replace("records", "task.path_test")):
        table(database, {"city": "binary"}, query="select * from people", path_test=address)


def test_new_rows_are_those_of_a_query(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is refused of the rows of a training, in the words of what was typed."""
    monkeypatch.setenv("ADDRESS", database)
    found = NewRows("env:ADDRESS", {"missing": ["Oslo"]}, query="select id, city from people").frame
    assert found["id"].tolist()[1:] == [2**60 + i for i in range(1, 40)]
    assert found["city"].dropna().unique().tolist() == ["Rome"]
    for address, query, message in (
        (database, None, "records is a database: say query='SELECT ...'"),
        ("new.csv", "select 1", "query is for a database, and records=new.csv is none"),
        (database, "delete from people", "^query: expected a query that reads"),
        (database, "select * from peple", "^query: sqlite says: no such table: peple"),
        ("sqlite:///no.db", "select 1", "records: no file 'no.db'"),
        ("postgresql://me:geheim@host/db", "select 1", "written down with the run.* say records=env:NAME"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            NewRows(address, {}, query=query)
        assert "geheim" not in str(caught.value)
    with pytest.raises(InputError, match="query=select 1 has no effect: expected it with records="):
        execute({}, "no run", query="select 1")


def test_a_query_changes_nothing(database: str) -> None:
    with pytest.raises(InputError, match="readonly"):
        read_query(database, "with x as (select 1) insert into people (id) select * from x returning id")
    assert len(read_query(database, "select * from people")) == 40


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * from a order by id", True),
        ("with b as (select 1 (order) from a) select max(x) from b -- of all\n Order\n By 1 limit 3", True),
        ("select *, lag(x) over (partition by (city) order by day) l from a", False),
        ("select array_agg(x order by (y)) from (select * from a order by y) b", False),
        ("select 'order by', \"order by\" from a -- order by id\n /* order\n by */", False),
    ],
)
def test_what_sorts_a_part_of_a_query_does_not_sort_its_rows(query: str, expected: bool) -> None:
    assert is_sorted(query) == expected


@pytest.fixture
def duck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a DuckDB database of one table, beside a file with the same rows."""
    pytest.importorskip("duckdb_engine")
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"id": [2**60 + 1, 7], "price": [1.5, None]}).to_parquet("my.parquet")
    with import_module("duckdb").connect("my.duckdb") as made:
        made.execute(
            "create table rows as select id, price::decimal(9, 2) price, date '2024-01-31' d from 'my.parquet'"
        )
    return "duckdb:///my.duckdb"


def test_duckdb_gives_rows_of_its_database_and_of_files(duck: str) -> None:
    found = read_query(duck, "select * from rows order by id")
    assert found["id"].tolist() == [7, 2**60 + 1]
    assert found["price"].tolist()[1] == 1.5
    assert str(found["d"].iloc[0]).startswith("2024-01-31")
    assert read_query("duckdb://", "from 'my.parquet'")["id"].tolist() == [2**60 + 1, 7]
    assert read_query("duckdb://", "FROM my.parquet")["price"].isna().tolist() == [False, True]


def test_duckdb_leaves_the_order_of_rows_open_unless_the_query_says_it(duck: str) -> None:
    (note,) = read_source(duck, "select * from rows").attrs[NOTES]
    assert note.startswith("task.query has no ORDER BY")
    assert not read_query(duck, "select id, sum(price) p from rows group by id ORDER\n BY id").attrs
    values = "123456789012345678901234567890::hugeint h, [1, 2] l, {'a': 1} r, interval 3 days i, 'x'::blob b, uuid() u"
    found = read_query(duck, f"select {values}, time '10:00' t, true f order by all").iloc[0].tolist()
    assert found[:5] == ["123456789012345678901234567890", "[1 2]", "{'a': 1}", 3 * 86400.0, "x"]
    assert found[6:] == [36000.0, True]


def test_duckdb_changes_nothing_and_writes_no_file(duck: str) -> None:
    queries = (
        "select 1 a; copy (select 1) to 'made.csv'",
        "with a as (select 1) insert into rows select 1, 1, null",
        "select 1 a; drop table rows",
    )
    for address, query in product((duck, "duckdb://"), queries):
        with pytest.raises(InputError, match=r"task\.query: expected one query that reads"):
            read_query(address, query)
    assert len(read_query(duck, "select * from rows")) == 2
    assert not Path("made.csv").exists()


def joined(folder: Path, changes: str = "", **entry: Any) -> pd.DataFrame:
    """Flights, with the airports beside them."""
    (folder / "flights.csv").write_text("from,to,late\n007,A,1\n8,B,0\n007,,1\n9,A,0\n")
    (folder / "airports.csv").write_text(f"code,size,late\n007,10,5\n8,,6\n11,12,7\n{changes}")
    join = {"path": str(folder / "airports.csv"), "on": {"from": "code"}, "prefix": "airport_", **entry}
    return read_source(str(folder / "flights.csv"), joins=parse_joins([join]))


def test_columns_of_another_file_stand_beside_the_rows(tmp_path: Path) -> None:
    found = joined(tmp_path)
    assert list(found.columns) == ["from", "to", "late", "airport_size", "airport_late"]
    assert found["airport_late"].fillna("").tolist() == ["5", "6", "5", ""]
    assert found["airport_size"].fillna("").tolist() == ["10", "", "10", ""]
    (note,) = found.attrs[NOTES]
    assert note.endswith("airports.csv': 1 of 4 rows have no partner by from; its columns have no value there")
    # Beside cells that are texts, numbers are written as in a text file
    pd.DataFrame({"code": [8, 9], "id": [2**60 + 1, 5], "part": [0.5, 2.0]}).to_parquet(tmp_path / "more.parquet")
    found = joined(tmp_path, path=str(tmp_path / "more.parquet"), prefix=None)
    assert found.attrs[TEXTS]
    assert found["id"].fillna("").tolist() == ["", str(2**60 + 1), "", "5"]
    assert found["part"].fillna("").tolist() == ["", "0.5", "", "2"]


def test_keys_find_their_partner_by_what_they_say_not_by_how_it_is_kept(tmp_path: Path) -> None:
    """An accent may be a sign of its own; a number that has been rounded says nothing."""
    right, join = tmp_path / "right.parquet", parse_joins([{"path": str(tmp_path / "right.parquet"), "on": "k"}])
    pd.DataFrame({"k": ["\u00e9", "a"], "v": [1, 2]}).to_parquet(right)
    left = pd.DataFrame({"k": ["e\u0301", None, "a"]})
    found = join_all(left, join, lambda path, _: read_table(path))
    assert [None if pd.isna(value) else value for value in found["v"]] == [1, None, 2]
    assert found["k"].iloc[0] == "e\u0301"
    whole = pd.DataFrame({"k": [2**60, 2**60 + 1]})
    for ours, theirs, where in (
        (whole, whole.astype(float), "right.parquet'"),
        (whole.astype(float), whole, "the rows"),
    ):
        theirs.assign(v=[1, 2]).to_parquet(right)
        with pytest.raises(InputError, match=rf"column 'k' of .*{where} is a key in double precision, in which whole"):
            join_all(ours, join, lambda path, _: read_table(path))


def test_numbers_of_another_file_keep_their_digits_beside_gaps(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2, 3], "b": [1, 1, 2]}).to_parquet(tmp_path / "left.parquet")
    frame = pd.DataFrame({"a": [1, 3], "b": [1, 2], "id": [2**60 + 1, 5], "on": [True, False]})
    frame.to_parquet(tmp_path / "right.parquet")
    joins = parse_joins([{"path": str(tmp_path / "right.parquet"), "on": ["a", "b"]}])
    found = read_source(str(tmp_path / "left.parquet"), joins=joins)
    assert found["id"].tolist()[::2] == [2**60 + 1, 5]
    assert found["id"].isna().tolist() == found["on"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("changes", "entry", "message"),
    [
        ("8,1,2\n", {}, "has the key code=8 in row 2 and in row 4, expected once"),
        ("", {"prefix": None}, "both tables have the column 'late': say prefix"),
        ("", {"on": {"to": "code"}}, "no row has a partner in .* by to: are the keys written alike"),
        ("", {"on": "from"}, "unknown column of '.*airports.csv' in task.join.0..on 'from'"),
        ("", {"how": "inner"}, "task.join.0..how=inner: expected left"),
        ("", {"key": "from"}, "unknown key of task.join.0. 'key'"),
        ("", {"on": None}, "expected a path and the columns of the key"),
        ("", {"path": "no.csv"}, r"task.join\[0\].path: no file 'no.csv' in '"),
    ],
)
def test_a_join_that_cannot_be_is_refused(tmp_path: Path, changes: str, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        joined(tmp_path, changes, **entry)


def test_new_rows_are_joined_and_read_as_those_of_training(tmp_path: Path) -> None:
    """Codes of the second file that are digits alone among the new rows stay texts."""
    codes = ["A1", "002", "003", "A4"]
    rows = [f"{codes[i % 4]},{i},{i % 2}\n" for i in range(60)]
    (tmp_path / "my.csv").write_text("code,x,y\n" + "".join(rows))
    (tmp_path / "kinds.csv").write_text("code,kind\n" + "".join(f"{code},{code[-1]}0{code}\n" for code in codes))
    join = f"task.join=[{{path: {tmp_path / 'kinds.csv'}, on: code}}]"
    config = configure(
        "task=table", f"task.path={tmp_path / 'my.csv'}", "task.targets={y: binary}", "task.form=columns", join
    )
    made = table(**{key: value for key, value in config.task.items() if key != "_target_"})
    (tmp_path / "statistics.json").write_text(json.dumps(made.statistics()))
    repeated = TableSuite(lambda: pd.DataFrame(), {}, statistics=str(tmp_path / "statistics.json"), form="columns")
    (tmp_path / "new.csv").write_text("code,x\n002,1\n003,2\n")
    records = NewRows(tmp_path / "new.csv", reading_options(config, tmp_path / "new.csv"))
    assert list(records.frame.columns) == ["code", "x", "kind"]
    for suite in (made, repeated):
        assert (suite.inputs(records.frame)["categories"] >= 0).all()
    # Columns that are there already are not looked up again
    (tmp_path / "new.csv").write_text("code,x,kind\n002,1,own\n")
    records = NewRows(tmp_path / "new.csv", reading_options(config, tmp_path / "new.csv"))
    assert records.frame["kind"].tolist() == ["own"]
    assert repeated.inputs(records.frame)["categories"].tolist() == [[0, -1]]
    (note,) = records.frame.attrs[NOTES]
    assert note.endswith("kinds.csv' is not joined: the rows have all of its columns already (kind)")


def test_a_sheet_is_that_of_excel_files_alone(tmp_path: Path) -> None:
    """Rows for the test, or later ones, may be in a file of another kind than the table."""
    rows = [["x", "y"], *([float(i % 7), i % 2] for i in range(60))]
    path, other = workbook(tmp_path / "my.xlsx", rows), tmp_path / "other.csv"
    other.write_text("made by hand\n" + "".join(f"{x},{y}\n" for x, y in rows))
    for option in ("path_test", "path_later"):
        made = table(str(path), {"y": "binary"}, sheet="Other", skip=1, **{option: str(other)})
        assert isinstance(made, TableSuite)
        assert len(made.frame) == 2 * 60


@pytest.mark.parametrize(
    ("suffix", "option", "message"),
    [
        (
            "parquet",
            {"separator": ";"},
            "^task.separator=; has no effect: expected it with a file of .csv, .txt$",
        ),
        ("tsv", {"separator": "semicolon"}, "task.separator=semicolon has no effect: expected it with a file of .csv"),
        ("parquet", {"encoding": "latin-1"}, "task.encoding=latin-1 has no effect"),
        ("jsonl", {"skip": 1}, "task.skip=1 has no effect: expected it with a file of .csv, .tsv, .txt, .xlsx$"),
        ("jsonl", {"header": False}, "task.header=False has no effect"),
        ("xlsx", {"separator": "semicolon"}, "task.separator=semicolon has no effect"),
    ],
)
def test_options_of_text_files_where_none_is_read(
    tmp_path: Path, suffix: str, option: dict[str, Any], message: str
) -> None:
    """They are refused; a run that was trained so is opened, and they hold for other files that are read."""
    frame = pd.DataFrame({"x": [i % 7 for i in range(60)], "y": [i % 2 for i in range(60)]})
    path, joined, written = tmp_path / f"my.{suffix}", tmp_path / "joined.csv", tmp_path / "statistics.json"
    {
        "parquet": frame.to_parquet,
        "tsv": partial(frame.to_csv, sep="\t", index=False),
        "xlsx": partial(frame.to_excel, index=False),
        "jsonl": partial(frame.to_json, orient="records", lines=True),
    }[suffix](path)
    with pytest.raises(InputError, match=message):
        table(str(path), {"y": "binary"}, **option)
    with pytest.raises(InputError, match=message):
        tables({"a": {"path": str(path), "targets": {"y": "binary"}}}, **option)
    made = table(str(path), {"y": "binary"})
    assert isinstance(made, TableSuite)
    written.write_text(json.dumps(made.statistics()))
    assert table(str(path), {"y": "binary"}, statistics=str(written), **option).targets == made.targets
    with pytest.raises(InputError, match="no file"):
        table(str(tmp_path / f"none.{suffix}"), {"y": "binary"}, **option)
    by = ";" if "separator" in option else ","
    names = "" if "header" in option else f"x{by}z\n"
    joined.write_text("a note\n" * option.get("skip", 0) + names + "".join(f"{i}{by}{i}\n" for i in range(7)))
    join = [{"path": str(joined), "on": {"x": "column1" if "header" in option else "x"}}]
    assert len(table(str(path), {"y": "binary"}, join=join, **option).frame.columns) == 3


def test_columns_and_sheets_may_be_called_by_numbers(tmp_path: Path) -> None:
    """As those of years are; a config has them as numbers."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("2024")
    for row in (
        ["2019", "2020", "7", "churn"],
        *([i % 7, i * i % 11, i % 5 + 1, "no" if i % 3 else "yes"] for i in range(60)),
    ):
        sheet.append(row)
    book.save(tmp_path / "my.xlsx")
    (tmp_path / "more.csv").write_text("2019,more\n" + "".join(f"{i},{i * i % 5}\n" for i in range(7)))
    config = configure(
        "task=table",
        f"task.path={tmp_path / 'my.xlsx'}",
        "task.sheet=2024",
        "task.header=true",
        "task.targets={2020: regression, churn: binary}",
        "task.columns={2019: category}",
        "task.row_weight=7",
        "task.split.groups=2019",
        f"task.join=[{{path: {tmp_path / 'more.csv'}, on: 2019}}]",
    )
    assert run_id(config) == run_id(config.changed(task={**config.task}))
    made = table(**{key: value for key, value in config.task.items() if key != "_target_"})
    assert [task.name for task in made.tasks] == ["_2020", "churn"]
    assert [column.name for column in made.encoding.columns] == ["2019", "more"]
    assert made.row_weight == "7"
