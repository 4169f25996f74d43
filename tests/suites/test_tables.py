"""Several tables: rows keep their labels, steps are made as the policy says."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.table import Splitting
from mtl.suites.tables import Sampling, TablesSuite, tables
from mtl.suites.tables.sampling import POLICIES, SamplingLoader
from mtl.suites.tables.suite import concatenate

SIZES = [60, 30, 10]


def steps(sizes: list[int] = SIZES, batch_size: int = 10, seed: int = 0, **options: Any) -> list[torch.Tensor]:
    return Sampling(**options).steps(sizes, batch_size, torch.Generator().manual_seed(seed))


def shares(rows: list[torch.Tensor], sizes: list[int] = SIZES) -> np.ndarray:
    """Share of each table in the rows."""
    ends = torch.tensor(sizes).cumsum(0)
    table = torch.bucketize(torch.cat(rows), ends, right=True)
    return np.asarray(torch.bincount(table, minlength=len(sizes)) / len(table))


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"policy": "proportional"}, [0.6, 0.3, 0.1]),
        ({"policy": "uniform"}, [1 / 3, 1 / 3, 1 / 3]),
        ({"policy": "temperature", "temperature": 1.0}, [0.6, 0.3, 0.1]),
        ({"policy": "temperature", "temperature": 2.0}, [0.472, 0.334, 0.193]),
        ({"policy": "temperature", "temperature": 1e9}, [1 / 3, 1 / 3, 1 / 3]),
        ({"policy": "round_robin"}, [1 / 3, 1 / 3, 1 / 3]),
        ({"policy": "until_exhausted"}, [0.6, 0.3, 0.1]),
    ],
)
def test_tables_are_drawn_from_as_often_as_the_policy_says(
    options: dict[str, Any], expected: list[float], joint: bool
) -> None:
    found = np.mean([shares(steps(batch_size=12, seed=seed, joint=joint, **options)) for seed in range(200)], 0)
    np.testing.assert_allclose(found, expected, atol=0.03)
    np.testing.assert_allclose(Sampling(joint=joint, **options).shares(SIZES), expected, atol=0.001)


@given(
    st.lists(st.integers(4, 40), min_size=1, max_size=4),
    st.integers(1, 30),
    st.sampled_from(POLICIES),
    st.booleans(),
    st.integers(0, 9),
)
def test_an_epoch_is_as_long_as_all_rows(
    sizes: list[int], batch_size: int, policy: str, joint: bool, seed: int
) -> None:
    rows = steps(sizes, batch_size, seed, policy=policy, joint=joint)
    together = torch.cat(rows)
    assert len(together) == sum(sizes)
    assert max(map(len, rows)) <= batch_size
    assert 0 <= together.min() <= together.max() < sum(sizes)
    if policy == "until_exhausted":
        assert sorted(together.tolist()) == list(range(sum(sizes)))
    if not joint:
        ends = torch.tensor(sizes).cumsum(0)
        assert all(torch.bucketize(step, ends, right=True).unique().numel() == 1 for step in rows)
    # No row a second time before all of its table were there once
    for start, end in zip([0, *np.cumsum(sizes)[:-1]], np.cumsum(sizes), strict=True):
        of_table = together[(together >= start) & (together < end)]
        assert of_table[: end - start].unique().numel() == min(len(of_table), end - start)


def test_round_robin_goes_from_table_to_table() -> None:
    rows = steps(policy="round_robin", joint=False)
    first = [int(torch.bucketize(step[0], torch.tensor(SIZES).cumsum(0), right=True)) for step in rows]
    assert first == [i % 3 for i in range(10)]


def test_until_exhausted_passes_over_what_has_no_rows_left() -> None:
    rows = steps(policy="until_exhausted", joint=False)
    first = [int(torch.bucketize(step[0], torch.tensor(SIZES).cumsum(0), right=True)) for step in rows]
    assert first == [0, 1, 2, 0, 1, 0, 1, 0, 0, 0]


def test_joint_steps_until_exhausted_have_equal_shares_while_they_last() -> None:
    rows = steps(policy="until_exhausted", batch_size=30)
    np.testing.assert_allclose(shares(rows[:1]), [13 / 34 - 0.04, 1 / 3, 1 / 3], atol=0.08)
    np.testing.assert_allclose(shares(rows[-1:]), [1.0, 0.0, 0.0], atol=0.01)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("joint", [True, False])
def test_processes_together_see_what_one_sees(policy: str, joint: bool) -> None:
    sizes = [25, 11]  # of which each table by itself has a step more than all rows together
    split = Split({SINGLE: torch.arange(36.0).unsqueeze(1)}, {"a": torch.tensor([1.0] * 25 + [torch.nan] * 11)})

    def served(rank: int, world: int) -> Iterator[list[float]]:
        loader = SamplingLoader(split, 8, sizes, Sampling(policy, joint=joint), seed=3, rank=rank, world=world)
        loader.set_epoch(2)
        assert len(loader) == len(list(loader))
        for batch in loader:
            yield batch.inputs[SINGLE].flatten().tolist()

    one, two, both = (list(served(*place)) for place in ((0, 1), (0, 2), (1, 2)))
    assert [sorted(step) for step in one] == [sorted(a + b) for a, b in zip(two, both, strict=True)]


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    split = Split({SINGLE: torch.arange(30.0).unsqueeze(1)}, {"a": torch.ones(30)})
    loader = SamplingLoader(split, 8, [20, 10], Sampling("uniform"), seed=1)
    first = torch.cat(list(loader.plan()))
    assert torch.equal(first, torch.cat(list(loader.plan())))
    loader.set_epoch(1)
    assert not torch.equal(first, torch.cat(list(loader.plan())))


def files(folder: Path) -> dict[str, dict[str, Any]]:
    """Two tables that share the column x."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=80)
    pd.DataFrame({"x": x, "only_a": draw.random(80), "churn": np.where(x > 0, "yes", "no")}).to_csv(
        folder / "a.csv", index=False
    )
    pd.DataFrame({"x": x[:40], "spend": x[:40] * 3}).to_csv(folder / "b.csv", index=False)
    return {
        "a": {"path": str(folder / "a.csv"), "targets": {"churn": "binary"}},
        "b": {"path": str(folder / "b.csv"), "targets": {"spend": "regression"}},
    }


def test_rows_have_the_labels_of_their_table(tmp_path: Path) -> None:
    suite = tables(files(tmp_path))
    suite.configure_batches(8, seed=0)
    suite.setup("fit")
    assert suite.encoding.features == ("x", "only_a", "only_a is missing", "table = other", "table = a", "table = b")
    for name, (a, b) in {"train": (56, 28), "val": (12, 6), "test": (12, 6)}.items():
        split = suite.splits[name]
        from_a = split.inputs[SINGLE][:, 4] == 1
        assert from_a.sum() == a
        assert (~from_a).sum() == b
        assert torch.equal(split.targets["churn"].isnan(), ~from_a)
        assert torch.equal(split.targets["spend"].isnan(), from_a)
        x = split.inputs[SINGLE][:, 0] * suite.encoding.plain()[0]["std"] + suite.encoding.plain()[0]["mean"]
        torch.testing.assert_close(split.targets["spend"][~from_a], x[~from_a] * 3, atol=1e-4, rtol=1e-4)
    assert len(list(suite.train_dataloader())) == 11


def test_groups_with_rows_in_several_tables_are_divided_by_one_draw(tmp_path: Path) -> None:
    """Else the test of one table has groups that the network has met in another one."""
    draw = np.random.default_rng(0)
    way = {"by": "group", "column": "case", "val": 0.2, "test": 0.3}

    def suite(cases_of_b: np.ndarray, **split: Any) -> TablesSuite:
        for name, cases in (("a", np.arange(120) // 3), ("b", cases_of_b)):
            values = draw.normal(size=len(cases))
            frame = pd.DataFrame({"case": cases, "x": values, "y" + name: values * 2})
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        targets = {
            name: {"path": str(tmp_path / f"{name}.csv"), "targets": {"y" + name: "regression"}} for name in "ab"
        }
        return tables(targets, split=way | split)

    for split in ({}, {"seed": 1}, {"folds": 3}):
        made = suite(np.arange(20, 60).repeat(2), **split)
        rows = made.splitting.rows(made.frame)
        found = {name: set(made.frame["case"].iloc[chosen]) for name, chosen in rows.items()}
        assert sum(map(len, found.values())) == len(set(made.frame["case"])) == 60
        assert sum(map(len, rows.values())) == 200
        assert not [note for note in made.notes if "groups of 'case'" in note]
    # Whoever opens a run that was divided otherwise has to be told
    each = Splitting(**way)
    assert made.fingerprint != super(TablesSuite, made).fingerprint
    apart = suite(np.arange(100, 140).repeat(2))
    assert apart.fingerprint == super(TablesSuite, apart).fingerprint
    rows = apart.splitting.rows(apart.frame)
    for table, first in (("a", 0), ("b", 120)):
        own = apart.frame[apart.frame["table"] == table]
        for name, chosen in each.rows(own).items():
            there = rows[name][(rows[name] < 120) == (table == "a")]
            np.testing.assert_array_equal(there - first, chosen)
    with pytest.raises(
        InputError, match=r"has no rows of task\.tables\.b: task\.split\.by=group .* 'case' by one draw"
    ):
        suite(np.array([1, 2] * 20))


def test_groups_are_drawn_once_for_the_validation_of_all_tables_that_name_none(tmp_path: Path) -> None:
    """Else a group in the training of one is in the validation of another. A table that names its own keeps it.

    Groups that it has are in the same part of all tables.
    """
    draw = np.random.default_rng(0)

    def suite(parts: Mapping[str, str], first: int = 0) -> TablesSuite:
        for name, last in parts.items():
            cases = np.arange(120) // 3
            values = draw.normal(size=120)
            part = np.where(cases < 30, "train", np.where(cases < 34, last, "test"))
            cases = np.where(cases < (first if name == "c" else 0), cases + 100, cases)
            frame = pd.DataFrame({"case": cases, "part": part, "x": values, "y" + name: values * 2})
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        of = {name: {"path": str(tmp_path / f"{name}.csv"), "targets": {"y" + name: "regression"}} for name in parts}
        return tables(of, split={"by": "given", "column": "part", "groups": "case"})

    made = suite({"a": "train", "b": "train", "c": "val"}, first=20)
    rows = made.splitting.rows(made.frame)
    assert sum(map(len, rows.values())) == 360
    of = {name: made.frame.iloc[chosen] for name, chosen in rows.items()}
    drawn = {name: frame[frame["table"] != "c"] for name, frame in of.items()}
    assert not set(of["train"]["case"]) & set(of["val"]["case"])
    known = {str(case) for case in range(20, 30)}
    assert known <= set(drawn["train"]["case"])
    assert set(drawn["val"]["case"]) - {"30", "31", "32", "33"}, "its groups are fewer than the share"
    assert len(drawn["val"]) == 30
    assert not [note for note in made.notes if "have training rows, too" in note]
    assert set(of["val"]["case"][of["val"]["table"] == "c"]) == {"30", "31", "32", "33"}
    assert set(of["test"]["case"]) == set(map(str, range(34, 40)))
    assert made.fingerprint != super(TablesSuite, made).fingerprint
    message = r"tables\.a: column 'part' names no row for validation, and none can be drawn"
    with pytest.raises(InputError, match=message):
        suite({"a": "test", "c": "val"})
    named = suite({"a": "val", "b": "val"})
    assert named.fingerprint == super(TablesSuite, named).fingerprint


def test_each_table_is_a_source_of_its_own_with_columns_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query with a joined file, beside a file; the query of a run's directory is run only where it is trusted."""
    given = files(tmp_path)
    a, b = (pd.read_csv(tmp_path / name).assign(code=lambda f: f.index % 3) for name in ("a.csv", "b.csv"))
    with sqlite3.connect(tmp_path / "a.db") as database:
        a.to_sql("rows", database, index=False)
    database.close()
    b.to_csv(tmp_path / "b.csv", index=False)
    pd.DataFrame({"code": [0, 1, 2], "times": [1, 2, 3]}).to_csv(tmp_path / "codes.csv", index=False)
    join = [{"path": str(tmp_path / "codes.csv"), "on": "code"}]
    of_query = {"path": f"sqlite:///{tmp_path / 'a.db'}", "query": "SELECT * FROM rows"}
    given = {"a": {**given["a"], **of_query, "join": join}, "b": {**given["b"], "join": join}}
    suite = tables(given, row_weight="times")
    suite.configure_batches(8, seed=0)
    suite.setup("fit")
    assert not {"times", "churn", "spend"} & set(suite.encoding.features)
    assert {"x", "only_a", "code"} <= set(suite.encoding.features)
    times = suite.frame["code"].to_numpy() + 1
    rows = suite.splitting.rows(suite.frame)
    for name, split in suite.splits.items():
        assert split.weights is not None
        np.testing.assert_allclose(split.weights, times[rows[name]] / times[rows["train"]].mean(), rtol=1e-6)
    (tmp_path / "statistics.json").write_text(json.dumps(suite.statistics()))
    repeated = tables(given, row_weight="times", statistics=str(tmp_path / "statistics.json"))
    monkeypatch.setenv("MTL_TRUST_QUERY", "0")
    with pytest.raises(InputError, match="MTL_TRUST_QUERY"):
        repeated.setup("fit")
    monkeypatch.setenv("MTL_TRUST_QUERY", "1")
    assert repeated.fingerprint == suite.fingerprint


def test_columns_are_the_same_whichever_way_their_accents_are_written() -> None:
    """One file may be of a system that writes them otherwise."""
    composed, apart = (normalize(form, "größe") for form in ("NFC", "NFD"))
    first, second = (
        pd.DataFrame({name: [1.0, 2.0], target: [0, 1]}) for name, target in ((apart, "a"), (composed, "b"))
    )
    joined, _ = concatenate({"a": first, "b": second}, {"a": {"a": "binary"}, "b": {"b": "binary"}})
    assert set(joined.columns) == {apart, "a", "b", "table"}
    assert joined[apart].tolist() == [1.0, 2.0, 1.0, 2.0]


def test_kinds_of_columns_are_given_by_column(tmp_path: Path) -> None:
    assert "x = other" in tables(files(tmp_path), columns={"x": "category"}).encoding.features
    with pytest.raises(InputError, match=r"task\.columns=\['x'\]: expected kinds by column"):
        tables(files(tmp_path), columns=["x"])  # type: ignore[arg-type]


def test_a_target_of_another_table_is_no_label(tmp_path: Path) -> None:
    """Two tables that both have the column, only one of which is asked to tell it."""
    given = files(tmp_path)
    frame = pd.read_csv(tmp_path / "b.csv").assign(churn="yes")
    frame.to_csv(tmp_path / "b.csv", index=False)
    suite = tables(given)
    from_b = suite.frame["table"] == "b"
    assert suite.frame.loc[from_b, "churn"].isna().all()
    assert suite.frame.loc[~from_b, "churn"].notna().all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv' is empty"),
        ("a.csv", b"x;churn\n1;2\n", "use task.separator=semicolon"),
        ("a.csv", b"x,x,churn\n1,2,3\n", "has the column 'x' more than once"),
        ("a.csv", b"x,chrun\n1,2\n", "in task.tables.a 'churn': did you mean 'chrun'"),
        ("a.csv", b"x,churn\n" + b"1,yes\n2,yes\n" * 40, "target 'churn' is the same in every row: 'yes'"),
        ("a.csv", b"x,churn\n" + b"1,\n" * 80, "target 'churn' is missing in every row"),
        ("a.csv", b"x,churn\n" + b"1,a\n2,b\n3,c\n" * 30, "target 'churn' is to be binary and has 3 values"),
        ("a.csv", b"x,churn\n" + b"1,a\ninf,b\n" * 40, "column 'x': row 2 is infinite"),
        ("a.csv", b"x,churn\n1,no\n2,yes\n", "random divides 2 rows into"),
        ("a.csv", b"x,churn\n1,K\xf6ln\n", r"no utf-8 text \(line 2\)"),
        (
            "b.csv",
            b"x,spend\n" + b"1,2\n" * 30 + b"1,n/k\n",
            r"target 'spend': row 31 holds 'n/k', which is no number",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    given = files(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        tables(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "task.tables is empty"),
        ({"a": {"path": "a.csv"}}, "task.tables.a: expected path and targets, found path"),
        ({"a": {"path": "a.csv", "targets": {}, "joins": []}}, "key of task.tables.a 'joins': did you mean 'join'"),
        ({"a": {"path": "a.csv", "targets": {"y": "binary"}, "join": "b"}}, "task.tables.a.join=b: expected a list"),
        ({"a": {"path": "sqlite:///a.db", "targets": {"y": "binary"}}}, "say task.tables.a.query='SELECT"),
        ({"a": {"path": "no.csv", "targets": {"churn": "binary"}}}, "no file"),
    ],
)
def test_tables_that_are_not_named_rightly_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tables(change)


@pytest.mark.parametrize(
    ("frames", "targets", "message"),
    [
        ({"a": ["x", "y"]}, {"a": {}}, "task.tables.a has no targets"),
        ({"a": ["x", "table"]}, {"a": {"x": "binary"}}, "has a column 'table'"),
        ({"a": ["x", "churn"]}, {"a": {"chrn": "binary"}}, "in task.tables.a 'chrn': did you mean 'churn'"),
        ({"a": ["y"], "b": ["y"]}, {"a": {"y": "binary"}, "b": {"y": "classes"}}, "target 'y' means two things"),
    ],
)
def test_targets_that_no_table_has_are_refused(
    frames: dict[str, list[str]], targets: dict[str, Any], message: str
) -> None:
    made = {name: pd.DataFrame([[1] * len(columns)], columns=columns) for name, columns in frames.items()}
    with pytest.raises(InputError, match=message):
        concatenate(made, targets)


def test_policies_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown policy in task\.sampling\.policy 'unifrm': did you mean 'uniform'"):
        Sampling("unifrm")
    with pytest.raises(InputError, match="expected 1 or more"):
        Sampling("temperature", temperature=0.5)
    with pytest.raises(InputError, match=r"temperature=2\.0 has no effect: expected it with .*policy=temperature"):
        Sampling("uniform", temperature=2.0)
    split = Split({SINGLE: torch.zeros(10, 1)}, {"a": torch.ones(10)})
    with pytest.raises(InputError, match="makes a step of 1 rows, which cannot be divided among 2 accumulated"):
        SamplingLoader(split, 8, [9, 1], Sampling("until_exhausted", joint=False), accumulate=2)


def test_a_column_without_values_in_a_typed_table_is_what_the_others_say(tmp_path: Path) -> None:
    x, labels = np.random.default_rng(0).integers(0, 40, 60), [0, 1] * 30
    pd.DataFrame({"x": x, "y": labels}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": [None] * 60, "z": labels}).to_parquet(tmp_path / "b.parquet")
    made = tables(
        {
            "a": {"path": str(tmp_path / "a.parquet"), "targets": {"y": "binary"}},
            "b": {"path": str(tmp_path / "b.parquet"), "targets": {"z": "binary"}},
        }
    )
    assert {column.name: column.kind for column in made.encoding.columns} == {"x": "number", "table": "category"}


@pytest.mark.parametrize("split", [None, {"by": "time", "column": "day"}])
@pytest.mark.parametrize(("first", "second"), [("parquet", "parquet"), ("parquet", "csv"), ("csv", "csv")])
def test_times_with_a_zone_in_one_table_only_are_pointed_out(
    first: str, second: str, split: dict[str, str] | None, tmp_path: Path
) -> None:
    """Those of the other may be of any place, and count as UTC."""
    draw, days = np.random.default_rng(0), pd.date_range("2024", periods=60, freq="5h")
    own = pd.DataFrame({"day": days, "x": draw.normal(size=60)})
    other = own.assign(day=days.tz_localize("Asia/Tokyo"))
    entries = {}
    for name, frame, target, kind in (("a", own, "y", first), ("b", other, "z", second)):
        path, rows = tmp_path / f"{name}.{kind}", frame.assign(**{target: [0, 1] * 30})
        rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path)
        entries[name] = {"path": str(path), "targets": {target: "binary"}}
    made = tables(entries, split=split)
    assert "column 'day': some of its times have a zone, and those that have none count as UTC" in made.notes
    alike = tables({name: {**entry, "path": entries["b"]["path"]} for name, entry in entries.items() if name == "b"})
    assert not [note for note in alike.notes if "zone" in note]


def test_a_column_that_numbers_the_rows_of_each_table_is_left_out(tmp_path: Path) -> None:
    """Also of one of the tables only; a measurement that has different values in one table stays."""
    x, labels = np.random.default_rng(0).integers(0, 40, 60), [0, 1] * 30
    own = {"id": range(60), "row": range(60), "amount": range(0, 6000, 100)}
    pd.DataFrame({"x": x, "y": labels, **own}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"x": x, "z": labels, "id": range(60), "amount": x}).to_csv(tmp_path / "b.csv", index=False)
    made = tables(
        {
            "a": {"path": str(tmp_path / "a.csv"), "targets": {"y": "binary"}},
            "b": {"path": str(tmp_path / "b.csv"), "targets": {"z": "binary"}},
        }
    )
    assert [column.name for column in made.encoding.columns] == ["x", "amount", "table"]
    assert [note for note in made.notes if "'id' is left out: it numbers the rows" in note]


def test_later_rows_say_their_table_and_have_the_labels_of_it_alone(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    files = {}
    for name, label in (("a", "churn"), ("b", "spend")):
        frame = pd.DataFrame({"x": draw.normal(size=60), f"only_{name}": draw.normal(size=60)})
        frame[label] = draw.integers(0, 2, 60) if name == "a" else draw.normal(size=60)
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        files[name] = {"path": str(tmp_path / f"{name}.csv"), "targets": {label: ["binary", "regression"][label > "d"]}}
    count = 40
    later = pd.DataFrame({name: draw.normal(size=count) for name in ("x", "only_a", "only_b", "spend")})
    later = later.assign(churn=draw.integers(0, 2, count), table=["b", "a"] * (count // 2))
    later.to_csv(tmp_path / "later.csv", index=False)

    def suite(path: str, **options: Any) -> TablesSuite:
        made = tables(files, later={"path": str(tmp_path / path), **options})
        made.configure_batches(8, seed=0)
        made.setup("fit")
        return made

    made = suite("later.csv")
    rows = made.splitting.rows(made.frame)
    assert {name: len(found) for name, found in rows.items()} == {"train": 140, "val": 10, "test": 10}
    for found in rows.values():  # a loader takes the rows of a table for neighbours
        names = made.frame["table"].iloc[found].tolist()
        assert names == sorted(names)
    added = made.frame.iloc[120:]
    assert added["churn"].notna().tolist() == [False, True] * 20
    assert added["spend"].notna().tolist() == [True, False] * 20
    loader = made.loader("train", training=True)
    assert isinstance(loader, SamplingLoader)
    assert loader.sizes == (70, 70)
    alone = suite("later.csv", use="alone")
    assert {name: len(found) for name, found in alone.splitting.rows(alone.frame).items()} == {
        "train": 20,
        "val": 10,
        "test": 10,
    }
    (only := later[later["table"] == "a"].drop(columns=["only_b", "spend"])).to_csv(tmp_path / "only.csv", index=False)
    several = {"path": [str(tmp_path / "later.csv"), str(tmp_path / "only.csv")], "use": "alone"}
    both = tables(files, later=several)  # of the first file all rows are trained on
    found = both.splitting.rows(both.frame)
    assert (len(found["train"]), len(found["val"]), len(found["test"])) == (50, 5, 5)
    assert min(found["train"]) == 120
    only.drop(columns="only_a").to_csv(tmp_path / "lacks.csv", index=False)
    only.assign(table="c").to_csv(tmp_path / "other.csv", index=False)
    only.drop(columns="table").to_csv(tmp_path / "none.csv", index=False)
    for path, message in (
        ("lacks.csv", r"column in task\.later 'only_a' is not there"),
        ("other.csv", r"task\.later: column 'table': row 1 holds 'c', expected a or b"),
        ("none.csv", r"column in task\.later 'table' is not there"),
    ):
        with pytest.raises(InputError, match=message):
            suite(path)
    for wrong, message in (
        ({"use": "before"}, r"unknown use in task\.later 'before': did you mean|unknown use in task\.later 'before'"),
        ({"used": "test"}, r"unknown key of task\.later 'used'"),
    ):
        with pytest.raises(InputError, match=message):
            suite("later.csv", **wrong)
    with pytest.raises(InputError, match=r"task\.later=later\.csv: expected a file, such as \{path: later\.csv\}"):
        tables(files, later="later.csv")  # type: ignore[arg-type]
