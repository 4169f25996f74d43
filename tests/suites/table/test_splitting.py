"""Which rows are for training, validation and test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite, table
from mtl.suites.table.splitting import group_numbers
from tests.suites.table.customers import TARGETS, customers, suite


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
    days = frame.assign(since=pd.to_datetime(frame["since"]).dt.strftime("%d.%m.%Y"))
    data = suite(days, splitting=Splitting("time", "since"), columns={"since": "ignore"})  # read as a time all the same
    assert data.splitting.rows(data.frame)["test"].tolist() == rows["test"].tolist()


@pytest.mark.parametrize("kind", ["float64", "Float64", "int64", "Int64"])
def test_times_that_are_numbers_are_in_their_order(kind: str) -> None:
    """Also those of one whole number: hours of a day, years with months as fractions, moments since 1970."""
    moments = np.random.default_rng(0).permutation(40) / (8 if "loat" in kind else 0.125)
    frame = pd.DataFrame({"at": pd.Series(moments).astype(kind)})
    rows = Splitting("time", "at", val=0.25, test=0.25).rows(frame)
    expected = np.split(np.argsort(moments), [20, 30])
    assert [set(chosen) for chosen in rows.values()] == [set(one) for one in expected]


def test_a_group_is_in_one_split_only() -> None:
    frame = customers().assign(city=lambda f: f["city"] + f["visits"].astype(str))
    rows = Splitting("group", "city").rows(frame)
    groups = [set(frame["city"].iloc[chosen]) for chosen in rows.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_rows_that_depend_on_each_other_are_named_by_a_column() -> None:
    frame = customers().assign(city=lambda f: f["city"] + f["visits"].astype(str))
    ways = [Splitting(groups="city"), Splitting("group", "city"), Splitting("time", "since", groups="city")]
    for splitting in ways:
        data = suite(frame, splitting=splitting)
        data.setup("fit")
        assert not any(name.startswith("city") for name in data.encoding.features)
        noted = [note for note in data.notes if "task.split.by=group task.split.column=city" in note]
        assert len(noted) == (splitting.by == "random"), "those drawn one by one are divided"
        for split, rows in splitting.rows(data.frame).items():
            groups = data.splits[split].groups
            assert groups is not None
            cities = data.frame["city"].iloc[rows].astype(str).tolist()
            pairs = set(zip(groups.tolist(), cities, strict=True))
            assert len(pairs) == len(set(groups.tolist())) == len(set(cities))


def test_both_forms_of_an_accent_are_one_group() -> None:
    """Files of two systems have one each, and nobody sees the difference."""
    assert group_numbers(pd.Series(["\u00e9", None, "e\u0301", "a", None, 7])).tolist() == [0, 1, 0, 2, 1, 3]


def test_rows_are_independent_unless_a_column_says_otherwise() -> None:
    data = suite(customers(), splitting=Splitting("time", "since"))
    data.setup("fit")
    assert data.splits["test"].groups is None
    with pytest.raises(InputError, match=r"unknown column in task.split.groups 'citi': did you mean 'city'"):
        suite(customers(), splitting=Splitting(groups="citi")).setup("fit")


def test_the_column_of_the_split_is_no_input_unless_chosen() -> None:
    frame = customers()
    split = Splitting("time", "since")
    assert "since: axis" not in suite(frame, splitting=split).encoding.features
    assert "since: axis" in suite(frame, splitting=split, columns={"since": "time"}).encoding.features


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "tim"}, "unknown way in task.split.by 'tim': did you mean 'time'"),
        ({"by": "time"}, "needs the column of the times"),
        ({"val": 0.6, "test": 0.5}, "together below 1"),
        ({"val": 0.0}, "must be above 0"),
        ({"test": "a tenth"}, "test=a tenth: expected shares"),
        ({"seed": -1}, "seed=-1 of the split: expected a whole number, 0 or more"),
        ({"by": "given"}, "needs the column of what each row is for"),
        ({"folds": 1}, "folds=1: expected a whole number, 2 or more"),
        ({"folds": 5, "by": "time", "column": "since"}, "by time are divided in one way only, not in folds"),
        ({"folds": 2, "val": 0.5}, "leave no training rows"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Splitting(**options)


@pytest.mark.parametrize("by", ["random", "group"])
def test_as_many_seeds_as_folds_test_every_row_once(by: str) -> None:
    frame = customers().assign(group=np.arange(200) // 7)
    for first in (0, 5):
        found = [Splitting(by, "group", seed=seed, folds=5).rows(frame) for seed in range(first, first + 5)]
        assert sorted(np.concatenate([rows["test"] for rows in found])) == list(range(200))
        assert len({tuple(rows["val"]) for rows in found}) == 5
        for rows in found:
            assert sorted(np.concatenate(list(rows.values()))) == list(range(200))
            assert abs(len(rows["val"]) - 30) <= 7
            if by == "group":
                groups = [set(frame.group.iloc[chosen]) for chosen in rows.values()]
                assert sum(map(len, groups)) == frame.group.nunique()
    folds = [set(Splitting(by, "group", seed=seed, folds=5).rows(frame)["test"]) for seed in (0, 5)]
    assert folds[0] != folds[1]


def test_the_validation_of_a_fold_is_what_stands_before_its_test() -> None:
    """In the order of the division, whose end is before its beginning: so each row validates as often as another."""
    order = np.argsort(np.random.default_rng(0).permutation(200))
    for fold in range(5):
        rows = Splitting(seed=fold, folds=5).rows(customers())
        begin = 40 * fold
        assert set(rows["test"]) == set(order[begin : begin + 40])
        assert set(rows["val"]) == set(np.roll(order, -begin)[-30:])


def test_a_column_says_what_each_row_is_for() -> None:
    frame = pd.DataFrame({"part": ["train", "Training ", "dev", "test"] * 10})
    rows = Splitting("given", "part").rows(frame)
    assert [len(chosen) for chosen in rows.values()] == [20, 10, 10]
    assert (frame.part.iloc[rows["test"]] == "test").all()
    without = Splitting("given", "part").rows(frame.replace("dev", "train"))
    assert [len(chosen) for chosen in without.values()] == [26, 4, 10]
    assert rows["test"].tolist() == without["test"].tolist()
    cases = frame.replace("dev", "train").assign(case=np.arange(40) // 5)
    grouped = Splitting("given", "part", groups="case").rows(cases)
    assert not {*cases.case.iloc[grouped["val"]]} & {*cases.case.iloc[grouped["train"]]}
    assert 0 < len(grouped["val"]) <= 8
    for value, message in (("tset", "row 3 holds 'tset', expected train"), (None, "row 3 has no value")):
        frame.loc[2, "part"] = value
        with pytest.raises(InputError, match=message):
            Splitting("given", "part").rows(frame)
    with pytest.raises(InputError, match=r"the test split is empty: .* into 17 train, 3 val, 0 test"):
        Splitting("given", "part").rows(frame.assign(part="train").head(20))


def files(folder: Path, test: str) -> dict[str, Any]:
    """A training file and a test file."""
    rows = "".join(f"{i},{'A' if i % 3 else '00'}{i % 7},{1.5 * i},{i % 2}\n" for i in range(100))
    (folder / "train.csv").write_text("number,code,size,y\n" + rows)
    (folder / "test.csv").write_text("y,number,code,size,more\n" + test)
    return {"path": str(folder / "train.csv"), "path_test": str(folder / "test.csv"), "targets": {"y": "binary"}}


def test_rows_of_a_test_file_are_read_as_those_of_training(tmp_path: Path) -> None:
    test = "".join(f"{i % 2},{i},00{i % 7},{i},x\n" for i in range(30))
    made = table(**files(tmp_path, test), form="columns", columns={"number": "number"}, split={"val": 0.2})
    made.configure_batches(8, seed=0)
    made.setup("fit")
    assert [len(split) for split in made.splits.values()] == [80, 20, 30]
    codes = made.splits["test"].inputs["categories"][:, 0]  # digits alone, where the training has letters
    known = sorted({f"{'A' if i % 3 else '00'}{i % 7}" for i in range(100)})
    assert codes.tolist() == [known.index(f"00{i % 7}") for i in range(30)]
    torch.testing.assert_close(made.splits["test"].targets["y"], torch.tensor([0.0, 1.0] * 15))


@pytest.mark.parametrize(
    ("test", "split", "message"),
    [
        ("1,5,A1,large,x\n0,5,A1,1,x\n", {}, "task.path_test: column 'size': row 1 holds 'large', which is no number"),
        ("1,5,A1,2,x\n0,5,A1,1,x\n", {"folds": 3}, "folds and task.path_test both say which rows are the test"),
        ("1,5,A1,2,x\n", {"by": "given", "column": "code"}, "by=given and task.path_test both say which rows are the"),
        ("1,5,A1,2,x\n1,5,A1,1,x\n", {}, "target 'y' has only '1' in the test split"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(
    test: str, split: dict[str, Any], message: str, tmp_path: Path
) -> None:
    def load() -> None:
        made = table(**files(tmp_path, test), split=split)
        made.configure_batches(8, seed=0)
        made.setup("fit")

    with pytest.raises(InputError, match=message):
        load()


@pytest.mark.parametrize("own", [[True, False], [True, None], [1, 0]], ids=["truth", "truth with gaps", "0 and 1"])
@pytest.mark.parametrize("other", [[True, False], [True, None], [1, 0], [1.0, None], ["true", "false"]])
def test_true_and_false_of_a_typed_test_file_are_those_of_the_table(
    own: list[Any], other: list[Any], tmp_path: Path
) -> None:
    """However they are stored there: the column is what it is without them, and yes is yes."""
    frames = {
        name: pd.DataFrame({"x": values, "z": np.arange(60) % 7, "y": np.arange(60) // 2 % 2})
        for name, values in {"own": own * 30, "test": other * 30}.items()
    }
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    alone = table(str(tmp_path / "own.parquet"), {"y": "binary"}, split={"val": 0.3}, form="flat")
    made = table(
        str(tmp_path / "own.parquet"),
        {"y": "binary"},
        split={"val": 0.3},
        form="flat",
        path_test=str(tmp_path / "test.parquet"),
    )
    assert [one.kind for one in made.encoding.columns] == [one.kind for one in alone.encoding.columns]
    made.configure_batches(8, seed=0)
    made.setup("fit")
    tested = made.splits["test"].inputs[SINGLE]
    torch.testing.assert_close(tested[:1], made.inputs(frames["own"].head(1))[SINGLE])  # both are true
    assert not torch.equal(tested[0, :-1], tested[1, :-1])


def test_a_number_is_neither_true_nor_false(tmp_path: Path) -> None:
    for name, values in {"own": [True, False], "test": [1, 2]}.items():
        pd.DataFrame({"x": values * 30, "y": [0, 0, 1, 1] * 15}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match=r"task\.path_test: column 'x': row 2 holds 2, expected true or false"):
        table(str(tmp_path / "own.parquet"), {"y": "binary"}, path_test=str(tmp_path / "test.parquet"))


def test_test_rows_unlike_those_of_training_are_pointed_out(tmp_path: Path) -> None:
    """As new rows are: else a metric would be of a network that is told nothing."""
    frame = pd.DataFrame({"city": list("abc") * 20, "x": np.arange(60) % 7, "y": [0, 0, 1, 1] * 15})
    frame.to_csv(tmp_path / "own.csv", index=False)
    frame.assign(city=frame["city"].str.upper()).to_csv(tmp_path / "test.csv", index=False)
    for name, count in {"test": 1, "own": 0}.items():
        made = table(str(tmp_path / "own.csv"), {"y": "binary"}, path_test=str(tmp_path / f"{name}.csv"))
        lines = [note for note in made.notes if "rare in the training or not there" in note]
        assert len(lines) == count
        assert all(
            line.startswith("task.path_test: column 'city': 60 of 60 values, such as 'A', were") for line in lines
        )


def test_later_rows_train_validate_and_test(tmp_path: Path) -> None:
    """Half, a quarter and a quarter of them; all other rows train, and an identifier may begin anew."""
    later = "".join(f"{i % 2},{i},00{i % 7},{i},x\n" for i in range(40))
    given = files(tmp_path, later)
    given["path_later"] = given.pop("path_test")
    made = table(**given, form="columns")
    made.configure_batches(8, seed=0)
    made.setup("fit")
    assert [len(split) for split in made.splits.values()] == [120, 10, 10]
    alone = table(
        str(tmp_path / "test.csv"), {"y": "binary"}, split={"val": 0.25, "test": 0.25}, columns={"more": "ignore"}
    )
    alone.configure_batches(8, seed=0)
    alone.setup("fit")
    for name in ("val", "test"):  # the same rows
        torch.testing.assert_close(made.splits[name].targets["y"], alone.splits[name].targets["y"])
    several = table(**{**given, "path_later": [given["path_later"], str(tmp_path / "test.csv")]}, form="columns")
    several.configure_batches(8, seed=0)
    several.setup("fit")
    assert [len(split) for split in several.splits.values()] == [160, 10, 10], "all rows of the first file train"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"path_test": "test.csv"}, "task.path_test and task.path_later both say which rows are the test"),
        ({"split": {"folds": 3}}, "folds and task.path_later both say which rows are the test"),
        ({"split": {"by": "given", "column": "code"}}, "by=given and task.path_later both say which rows are the test"),
        ({"stream": True}, "task.stream=true reads one file: task.path_later needs task.stream=false"),
    ],
)
def test_later_rows_beside_another_way_to_choose_the_test(more: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = files(tmp_path, "1,5,A1,2,x\n0,5,A1,1,x\n")
    given["path_later"] = given.pop("path_test")
    with pytest.raises(InputError, match=message):
        table(**given, **more)


@pytest.mark.parametrize("splitting", [Splitting("group", "case"), Splitting("time", "since", groups="case")])
def test_rows_without_a_group_are_said(splitting: Splitting) -> None:
    """All of them are in one part of the table, and count once in an interval."""
    for lacking, said in ((90, True), (1, False)):
        frame = customers().assign(case=np.arange(200) // 4).astype({"case": object})
        frame.loc[: lacking - 1, "case"] = None
        notes = [note for note in suite(frame, splitting=splitting).notes if "of the groups" in note]
        line = "column 'case' of the groups: 90 of 200 rows have no value, and are taken for one group"
        assert notes == ([line] if said else [])


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"column": "since"}, "task.split.column=since has no effect: expected it with task.split.by=time, group or"),
        (
            {"by": "time", "column": "since", "seed": 1},
            "task.split.seed=1 has no effect: .* task.split.by=random, group",
        ),
        ({"val": float("nan")}, "val=nan and test=0.15 must be above 0, together below 1"),
    ],
)
def test_what_divides_no_rows_is_refused(tmp_path: Path, split: dict[str, Any], message: str) -> None:
    """Unless a run was trained on rows that were divided so; it can still be used."""
    path = tmp_path / "my.csv"
    customers().to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        table(str(path), TARGETS, split=split)
    if "val" not in split:
        fitted = table(str(path), TARGETS)
        assert isinstance(fitted, TableSuite)
        statistics = tmp_path / "statistics.json"
        statistics.write_text(json.dumps(fitted.statistics()))
        again = table(str(path), TARGETS, split=split, statistics=str(statistics))
        assert isinstance(again, TableSuite)
        assert again.targets == fitted.targets


def test_groups_in_two_parts_are_said(tmp_path: Path) -> None:
    """However rows are divided, unless by time: a test of known cases is no test of new ones."""
    draw = np.random.default_rng(0)
    frame = customers().assign(case=np.arange(200) // 4, part="train")
    parts = frame.assign(part=draw.choice(["train", "val", "test"], 200))
    whole = frame.assign(part=np.repeat(["train", "val", "test"], [120, 40, 40]))
    validated = whole.assign(part=whole.part.mask(np.arange(200) == 0, "val"))

    def notes(found: pd.DataFrame, splitting: Splitting) -> list[str]:
        return [note for note in suite(found, splitting=splitting).notes if "groups of 'case'" in note]

    given = Splitting("given", "part", groups="case")
    tested, known = ({*parts.case[parts.part == part]} for part in ("test", "train"))
    assert notes(parts, given) == [
        f"{len(tested & known)} of {len(tested)} groups of 'case' that have test rows have training rows, too, so that "
        "the test says nothing of new groups; to keep them together: the same part in all rows of a group, in column "
        "'part'"
    ]
    assert not notes(whole, given)
    assert "1 of 11 groups of 'case' that have val rows have training rows, too" in notes(validated, given)[0]
    assert not notes(frame, Splitting("group", "case"))
    assert not notes(frame, Splitting("time", "since", groups="case"))
    assert "task.split.by=group task.split.column=case" in notes(frame, Splitting(groups="case"))[0]
    for first, other in ((150, "1 of 13"), (152, None)):  # case 37 has the rows 148 to 151
        for name, rows in (("train", frame[:first]), ("test", frame[first:])):
            rows.to_csv(tmp_path / f"{name}.csv", index=False)
        way = {"by": "group", "column": "case"}
        made = table(str(tmp_path / "train.csv"), TARGETS, path_test=str(tmp_path / "test.csv"), split=way)
        said = [note for note in made.notes if "groups of 'case' that have test rows" in note]
        assert [note[: len("1 of 13")] for note in said] == ([other] if other else [])
