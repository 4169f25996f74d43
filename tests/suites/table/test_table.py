"""A table of one's own: what goes in comes out right, and what is wrong is said in one line."""

import gzip
import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from pyarrow import parquet

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite, table
from mtl.suites.table.columns import infer
from mtl.suites.table.encoding import Encoding
from mtl.suites.table.targets import identifier, parse_targets

TARGETS = {"churn": "binary", "spend": "regression", "segment": "classes"}


def customers(rows: int = 200) -> pd.DataFrame:
    """A table with something of everything."""
    draw = np.random.default_rng(0)
    age, city = draw.normal(40, 10, rows), draw.choice(["Köln", "Oslo", "Lima"], rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "visits": draw.integers(0, 9, rows),
            "city": city,
            "since": pd.date_range("2020-01-01", periods=rows, freq="31h").strftime("%Y-%m-%d %H:%M"),
            "member": draw.random(rows) < 0.5,
            "id": [f"customer {i}" for i in range(rows)],
            "fixed": 1,
            "churn": np.where(age + draw.normal(0, 5, rows) > 40, "yes", "no"),
            "spend": 2000 + age,
            "segment": np.where(city == "Oslo", "north", np.where(age > 45, "old", "young")),
        }
    )
    frame.loc[draw.random(rows) < 0.1, "visits"] = np.nan
    frame.loc[draw.random(rows) < 0.2, "segment"] = np.nan
    frame.loc[draw.random(rows) < 0.2, "spend"] = np.nan
    return frame


def suite(frame: pd.DataFrame, targets: Any = TARGETS, batch_size: int = 8, **options: Any) -> TableSuite:
    """A suite of the frame with its rows loaded."""
    made = TableSuite(lambda: frame, targets, **options)
    made.configure_batches(batch_size, seed=0)
    made.setup("fit")
    return made


def test_kinds_are_inferred() -> None:
    frame = customers()
    kinds = {name: infer(frame[name])[0] for name in frame}
    expected = {"age": "number", "visits": "number", "city": "category", "since": "time", "member": "number"}
    assert {name: kinds[name] for name in expected} == expected
    assert kinds["id"] == kinds["fixed"] == "ignore"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, 2], "number"),
        ([True, False, None], "category"),
        (["1,5", "2,5", "1,5"], "category"),
        (["2020-01-01", None, "2020-02-30"], "category"),
        (["2020-01-01", None, "2020-02-28"], "time"),
        (["01.02.2020", "28.02.2020"], "time"),
        ([None, None], "ignore"),
        (["a"] * 5, "ignore"),
        (["a", None, "a"], "category"),
    ],
)
def test_a_column_is_what_its_values_say(values: list[Any], kind: str) -> None:
    assert infer(pd.Series(values))[0] == kind


def test_a_text_among_numbers_is_pointed_out() -> None:
    values = pd.Series([str(i / 7) for i in range(99)] + ["n/k"])
    assert infer(values) == ("ignore", "numbers but for 'n/k': name such texts in task.missing")
    assert infer(values.replace("n/k", None)) == ("ignore", "numbers written as texts: say number in task.columns")


def test_labels_are_aligned_and_missing_ones_marked() -> None:
    frame = customers()
    made = suite(frame)
    rows = Splitting().rows(frame)
    for name, split in made.splits.items():
        part = frame.iloc[rows[name]]
        assert len(split) == len(part)
        torch.testing.assert_close(split.targets["churn"], torch.tensor((part["churn"] == "yes").to_numpy()).float())
        spend = torch.tensor(part["spend"].to_numpy(), dtype=torch.float32)
        torch.testing.assert_close(split.targets["spend"], spend, equal_nan=True)
        expected = [-100 if pd.isna(v) else ["north", "old", "young"].index(v) for v in part["segment"]]
        assert split.targets["segment"].tolist() == expected
        assert split.inputs[SINGLE].isfinite().all()


def test_statistics_come_from_the_training_rows_only() -> None:
    frame = customers()
    rows = Splitting().rows(frame)
    made = suite(frame)
    changed = frame.copy()
    elsewhere = np.concatenate([rows["val"], rows["test"]])
    changed.loc[elsewhere, "age"] = 1e6
    changed.loc[elsewhere, "city"] = "Rome"
    changed.loc[elsewhere, "spend"] = -1e6
    other = suite(changed)
    assert made.statistics() == other.statistics()
    assert torch.equal(made.splits["train"].inputs[SINGLE], other.splits["train"].inputs[SINGLE])


def test_training_inputs_are_standardised() -> None:
    inputs = suite(customers()).splits["train"].inputs[SINGLE]
    torch.testing.assert_close(inputs[:, 0].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs[:, 0].std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_unseen_and_missing_categories_are_other() -> None:
    made = suite(customers())
    rows = customers(4).assign(city=["Oslo", "Rome", None, "Köln"])
    names = made.encoding.features
    start = names.index("city = other")
    expected = [[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert made.inputs(rows)[SINGLE][:, start : start + 4].tolist() == expected
    assert names[start + 1 : start + 4] == ("city = Köln", "city = Lima", "city = Oslo")


def test_missing_numbers_are_the_mean_and_say_so() -> None:
    made = suite(customers())
    place = made.encoding.features.index("visits")
    assert made.encoding.features[place + 1] == "visits is missing"
    encoded = made.inputs(customers(2).assign(visits=[np.nan, made.encoding.plain()[1]["mean"]]))[SINGLE]
    assert encoded[:, place].tolist() == [0, 0]
    assert encoded[:, place + 1].tolist() == [1, 0]


def test_times_are_angles() -> None:
    frame = pd.DataFrame({"t": ["2024-01-01 06:00", "2024-01-03 18:00", None]})
    encoding = Encoding.fit(frame, {"t": "time"}, 5)
    day, gone = encoding.encode(frame)[:, 1:3], encoding.encode(frame)[:, -1]
    torch.testing.assert_close(day, torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]), atol=1e-4, rtol=0)
    assert gone.tolist() == [0, 0, 1]
    monday = Encoding.fit(frame, {"t": "time"}, 5).encode(pd.DataFrame({"t": ["2024-01-01"]}))[0, 3:5]
    torch.testing.assert_close(monday, torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)


def test_columns_are_numbers_and_categories() -> None:
    frame = customers()
    made = suite(frame, form="columns")
    assert made.input_shape == {"numbers": (11,), "categories": (1,)}
    rows = customers(4).assign(city=["Oslo", "Rome", None, "Köln"], visits=[np.nan, 1, 2, 3])
    found = made.inputs(rows)
    assert found["categories"].tolist() == [[2], [-1], [-1], [0]]
    assert found["numbers"].shape == (4, 11)
    assert found["numbers"].isnan().sum() == 1
    flat = suite(frame).inputs(rows)[SINGLE]
    assert torch.equal(found["numbers"][:, 0], flat[:, 0])
    with pytest.raises(InputError, match="unknown form"):
        suite(frame, form="rows")


def test_a_table_may_have_no_numbers_or_no_categories() -> None:
    frame = pd.DataFrame({"c": ["a", "b"] * 20, "y": np.arange(40.0)})
    assert suite(frame, {"y": "regression"}, form="columns").input_shape == {"categories": (1,)}
    assert suite(frame, {"c": "binary"}, form="columns").input_shape == {"numbers": (1,)}


def test_fewer_tasks_can_be_learned() -> None:
    made = TableSuite(customers, TARGETS)
    made.configure_batches(8, seed=0)
    made.restrict(["churn"])
    made.setup("fit")
    assert list(made.splits["train"].targets) == ["churn"]
    assert "segment" not in [line.split()[0] for line in made.preview().splitlines() if line]


def test_a_written_encoding_repeats_itself(tmp_path: Path) -> None:
    frame = customers()
    made = suite(frame)
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(made.statistics()))
    again = TableSuite(lambda: pytest.fail("the rows are not needed"), TARGETS, statistics=str(path))
    new = customers(20).assign(city="Rome")
    assert torch.equal(made.inputs(new)[SINGLE], again.inputs(new)[SINGLE])
    assert again.input_shape == made.input_shape
    assert [task.name for task in again.tasks] == list(TARGETS)
    assert again.statistics() == made.statistics()
    with pytest.raises(InputError, match="no file"):
        TableSuite(lambda: frame, TARGETS, statistics=str(tmp_path / "other.json"))
    path.write_text('{"targets": [')
    with pytest.raises(InputError, match="damaged"):
        TableSuite(lambda: frame, TARGETS, statistics=str(path))


def test_the_fingerprint_follows_the_data() -> None:
    frame = customers()
    same, other = suite(frame).fingerprint, suite(frame.assign(age=frame["age"] + 1)).fingerprint
    assert suite(frame.copy()).fingerprint == same
    assert suite(frame, splitting=Splitting(seed=1)).fingerprint != same
    assert other != same


@pytest.mark.parametrize("by", ["random", "time", "group"])
def test_every_row_is_in_one_split(by: str) -> None:
    frame = customers().assign(group=np.arange(200) // 7)
    column = {"random": None, "time": "since", "group": "group"}[by]
    rows = Splitting(by, column).rows(frame)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(200))
    assert all(abs(len(rows[name]) - 30) <= 7 for name in ("val", "test"))


def test_the_future_is_not_in_training() -> None:
    frame = customers().sample(frac=1, random_state=0)
    frame["since"] = frame["since"].str[:10]  # several rows a day
    rows = Splitting("time", "since").rows(frame)
    times = {name: set(frame["since"].iloc[chosen]) for name, chosen in rows.items()}
    assert max(times["train"]) < min(times["val"]) <= max(times["val"]) < min(times["test"])


def test_a_group_is_in_one_split_only() -> None:
    frame = customers().assign(city=lambda f: f["city"] + f["visits"].astype(str))
    rows = Splitting("group", "city").rows(frame)
    groups = [set(frame["city"].iloc[chosen]) for chosen in rows.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_the_column_of_the_split_is_no_input_unless_chosen() -> None:
    frame = customers()
    split = Splitting("time", "since")
    assert "since: axis" not in suite(frame, splitting=split).encoding.features
    assert "since: axis" in suite(frame, splitting=split, columns={"since": "time"}).encoding.features


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
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)


def test_the_preview_shows_columns_targets_and_splits() -> None:
    text = suite(customers()).preview()
    assert "age      number" in text
    assert "text or identifier" in text
    assert "north" in text
    assert text.splitlines()[-1].split() == ["rows", "140", "30", "30"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("churn", "churn"),
        ("Größe", "Größe"),
        ("a b-c", "a_b_c"),
        ("1st", "_1st"),
        ("class", "class_"),
        ("items", "items_"),
    ],
)
def test_odd_column_names_become_names_of_tasks(text: str, name: str) -> None:
    assert identifier(text) == name


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["yes", "no"], ("no", "yes")),
        ([1, 0], ("0", "1")),
        ([True, False], ("False", "True")),
        (["good", "bad"], ("bad", "good")),
        ([10, 9], ("9", "10")),
    ],
)
def test_the_second_value_of_a_binary_target_means_yes(values: list[Any], order: tuple[str, str]) -> None:
    frame = pd.DataFrame({"x": np.arange(40), "y": values * 20})
    assert suite(frame, {"y": "binary"}).targets[0].values == order


def test_the_positive_value_can_be_chosen() -> None:
    frame = pd.DataFrame({"x": np.arange(40), "y": ["good", "bad"] * 20})
    made = suite(frame, {"default": {"column": "y", "kind": "binary", "positive": "bad"}})
    assert made.targets[0].values == ("good", "bad")
    assert made.tasks[0].name == "default"


def bad(**changes: Any) -> pd.DataFrame:
    return customers().assign(**changes)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (bad(), {"targets": {"chrn": "binary"}}, "unknown column in task.targets 'chrn': did you mean 'churn'"),
        (bad(), {"targets": {"churn": "binry"}}, "unknown kind of target 'churn' 'binry': did you mean 'binary'"),
        (bad(), {"targets": {}}, "task.targets is empty"),
        (bad(), {"targets": ["churn"]}, r"task.targets=\['churn'\]: expected a kind for each column"),
        (bad(), {"columns": ["age"]}, r"task.columns=\['age'\]: expected kinds by column"),
        (bad(), {"categories": -1}, "task.categories=-1: expected 0 or more"),
        (bad(), {"targets": {"churn": {"kid": "binary"}}}, "unknown key of target 'churn' 'kid'"),
        (
            bad(),
            {"targets": {"a": {"column": "age", "kind": "regression"}, "ä b": "classes", "ä_b": "classes"}},
            "two targets",
        ),
        (bad(churn="no"), {}, "target 'churn' is the same in every row: 'no'"),
        (bad(spend=3.0), {}, "target 'spend' is the same in every row: 3"),
        (bad(spend=np.nan), {}, "target 'spend' is missing in every row"),
        (bad(segment=None), {}, "target 'segment' is missing in every row"),
        (
            bad(),
            {"targets": {"segment": "binary"}},
            "target 'segment' is to be binary and has 3 values: 'north', 'old', 'young'",
        ),
        (bad(spend=["1.5"] * 9 + ["n/k"] + ["2"] * 190), {}, "target 'spend': row 10 holds 'n/k', which is no number"),
        (bad(spend=[1.0, np.inf] * 100), {}, "target 'spend': row 2 is infinite"),
        (bad(age=[1.0, -np.inf] * 100), {}, "column 'age': row 2 is infinite"),
        (bad(age=[1.0, 1e300] * 100), {}, r"column 'age': row 2 holds 1e\+300, which is too large"),
        (bad(spend=[1e39, 1.0] * 100), {}, r"target 'spend': row 1 holds 1e\+39, which is too large"),
        (bad(), {"columns": {"city": "number"}}, "column 'city': row 1 holds .*, which is no number"),
        (bad(), {"columns": {"cty": "number"}}, "unknown column in task.columns 'cty': did you mean 'city'"),
        (bad(), {"columns": {"city": "text"}}, "unknown kind of column 'city' in task.columns 'text'"),
        (bad(), {"columns": dict.fromkeys(customers(), "ignore")}, "no input column is left"),
        (bad(), {"splitting": Splitting("time", "city")}, "time column 'city': row 1 holds .*, which is no time"),
        (bad(since=["2020-01-01", None] * 100), {"splitting": Splitting("time", "since")}, "row 2 has no time"),
        (bad(), {"splitting": Splitting("group", "cty")}, "unknown column in task.split.column 'cty'"),
        (bad(), {"splitting": Splitting("group", "fixed")}, "the val split is empty"),
        (bad(), {"batch_size": 256}, "140 training rows, fewer than batch_size=256"),
        (
            bad(churn=["no"] * 180 + ["yes"] * 20),
            {"splitting": Splitting("time", "since")},
            "target 'churn' has one class only, 'no', in the training rows",
        ),
        (
            bad(churn=["no"] * 70 + ["yes"] * 130),
            {"splitting": Splitting("time", "since")},
            "target 'churn' has only 'yes' in the val split",
        ),
    ],
)
def test_what_is_wrong_is_said(frame: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        suite(frame, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "tim"}, "unknown way in task.split.by 'tim': did you mean 'time'"),
        ({"by": "time"}, "needs the column of the times"),
        ({"val": 0.6, "test": 0.5}, "together below 1"),
        ({"val": 0.0}, "must be above 0"),
        ({"test": "a tenth"}, "test=a tenth: expected shares"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Splitting(**options)


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
        ("my.csv", b"a churn\n1 2\n", {}, "whose name holds a space: use task.separator=space"),
        ("my.csv", b"a,churn\n1,2\n", {"separator": ";"}, "whose name holds a comma: use task.separator=comma"),
        ("my.csv", b"a::churn\n1::2\n", {"separator": "::"}, "unknown separator in task.separator '::'"),
        ("my.csv", b"a,churn\n1,2\n", {"separator": "semicolons"}, "did you mean 'semicolon'"),
        ("my.csv", b'a,churn\n1,"2\n3,4\n', {}, "cannot be read with comma between values: EOF inside string"),
        ("my.csv", b"a\tchurn\n1\t2\n", {}, "use task.separator=tab"),
        ("my.csv", b"a,churn\n1,2\n1,2,3\n", {}, "cannot be read with comma between values: .*line 3"),
        ("my.csv", b"name,churn\nK\xf6ln,1\n", {}, r"no utf-8 text \(line 2\).*task.encoding=latin-1"),
        ("my.csv", "name,churn\nKöln,1\n".encode("utf-16"), {}, r"no utf-8 text \(line 1\).*task.encoding=utf-16"),
        ("my.csv", b"name,churn\nOslo,1\n", {"encoding": "utf-16"}, "my.csv' (is no utf-16 text|cannot be read)"),
        ("my.csv.gz", b"a,churn\n1,2\n", {}, "is damaged or not compressed as its name says"),
        (
            "my.csv.gz",
            gzip.compress(b"a,churn\n" + b"1,2\n" * 99, mtime=0)[:-12],
            {},
            "is damaged or not compressed as",
        ),
        ("my.csv", b"a,churn\n1,2\n", {"encoding": "latin-99"}, "task.encoding=latin-99: unknown"),
        ("my.xlsx", b"PK", {}, "cannot read 'my.xlsx': expected .csv"),
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
    monkeypatch.setattr("pandas.read_csv", refuse)
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


def test_line_breaks_in_quotes_are_part_of_a_value(tmp_path: Path) -> None:
    frame = customers().assign(city=["Köln\nEhrenfeld", 'a "b", c'] * 100)
    frame.to_csv(tmp_path / "my.csv", index=False)
    made = table(str(tmp_path / "my.csv"), TARGETS)
    pd.testing.assert_frame_equal(made.frame, frame, check_dtype=False)
    assert "city = Köln\nEhrenfeld" in made.encoding.features


def test_huge_numbers_are_told_apart_or_left_out(tmp_path: Path) -> None:
    """Identifiers beyond what an integer of 64 bits holds."""
    frame = customers().assign(key=[str(2**80 + i) for i in range(200)], group=[2**70 + i % 3 for i in range(200)])
    frame.to_csv(tmp_path / "my.csv", index=False)
    made = table(str(tmp_path / "my.csv"), TARGETS)
    assert made.remarks["key"][0] == "ignore"
    assert [name for name in made.encoding.features if name.startswith("group")][1:] == [
        f"group = {2**70 + i}" for i in range(3)
    ]
    assert made.inputs(made.frame)[SINGLE].isfinite().all()


def test_lists_and_records_are_texts(tmp_path: Path) -> None:
    frame = customers().assign(tags=[["a"], ["b", "c"]] * 100, home=[{"zip": 1}] * 200)
    frame.to_parquet(tmp_path / "my.parquet")
    made = table(str(tmp_path / "my.parquet"), TARGETS)
    assert made.remarks["tags"][0] == "category"
    assert made.remarks["home"] == ("ignore", "constant")
    made.configure_batches(8, seed=0)
    made.setup("fit")
    assert made.preview()
    assert made.fingerprint


def test_a_text_that_means_no_value_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,y\n" + "".join(f"{i if i % 3 else 'n/k'},{i % 2}\n" for i in range(60)))
    assert table(str(path), {"y": "binary"}, missing="n/k").encoding.features == ("a", "a is missing")


def test_a_missing_file_is_told_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a\n")
    with pytest.raises(InputError, match=r"no file '.*my\.csv'; beside it: other\.csv"):
        table(str(tmp_path / "my.csv"), TARGETS)


def test_a_file_has_to_be_named() -> None:
    with pytest.raises(InputError, match=r"task\.path is empty: name your file"):
        table(None, TARGETS)


def test_texts_that_mean_no_value_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,y\n" + "".join(f"{i if i % 3 else '?'},{i % 2}\n" for i in range(60)))
    made = table(str(path), {"y": "binary"}, missing=["?"])
    assert made.encoding.features == ("a", "a is missing")


def test_target_specs_name_tasks_and_columns() -> None:
    found = parse_targets({"a b": "binary", "t": {"column": "c", "kind": "classes"}})
    assert {name: (wish.column, wish.kind) for name, wish in found.items()} == {
        "a_b": ("a b", "binary"),
        "t": ("c", "classes"),
    }
