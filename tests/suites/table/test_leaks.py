"""Columns that number or identify rows, or copy a target, are left out, and the user is told how to overrule it."""

import numpy as np
import pandas as pd
import pytest

from mtl.suites.table import Splitting, TableSuite
from mtl.suites.table.leaks import leak

ROWS = 100
DRAW = np.random.default_rng(0)


def made(name: str, values: object, **options: object) -> TableSuite:
    y = DRAW.integers(0, 3, ROWS)
    frame = pd.DataFrame({"x": DRAW.normal(size=ROWS), name: y if values is None else values, "y": y})
    return TableSuite(lambda: frame, {"y": "classes"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("n", np.arange(ROWS) + 7, "it numbers the rows"),
        ("n", DRAW.permutation(ROWS), "it identifies rows, by whole numbers of which none occurs twice"),
        ("n", np.arange(ROWS) * 1.0, "it numbers the rows"),
        ("n", np.where(np.arange(ROWS) == 7, np.nan, np.arange(ROWS)), "it numbers the rows"),
        ("customer_id", DRAW.permutation(10**6)[:ROWS], "it identifies rows"),
        ("orderId", DRAW.permutation(10**6)[:ROWS], "it identifies rows"),
        ("twin", None, "it is a copy of target 'y'"),
    ],
)
def test_it_is_left_out_and_can_be_chosen(name: str, values: object, reason: str) -> None:
    suite = made(name, values)
    assert suite.encoding.features == ("x",)
    assert suite.remarks[name][1].startswith(reason)
    (note,) = suite.notes
    assert note.startswith(f"column '{name}' is left out: {reason}")
    assert note.endswith(f"to learn from it: 'task.columns={{{name}: number}}'")
    assert made(name, values, columns={name: "number"}).encoding.features[:2] == ("x", name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n", DRAW.integers(0, 50, ROWS)),
        ("n", DRAW.permutation(10**6)[:ROWS]),
        ("customer_id", DRAW.integers(0, 30, ROWS)),
        ("paid", DRAW.permutation(10**6)[:ROWS]),
        ("n", np.arange(ROWS) / 2),
        ("n", np.arange(ROWS) % 3),  # as many values as the target has
    ],
)
def test_measurements_and_groups_stay(name: str, values: object) -> None:
    suite = made(name, values)
    assert suite.encoding.features == ("x", name)
    assert not suite.notes


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.arange(ROWS) * 10, "it becomes larger or smaller from each row to the next, as numbers of rows do"),
        (-np.cumsum(DRAW.integers(3, 9, ROWS)), "it becomes larger or smaller from each row to the next"),
    ],
)
def test_what_rises_from_row_to_row_is_noted_only(values: object, reason: str) -> None:
    suite = made("n", values)
    assert suite.encoding.features == ("x", "n")
    (note,) = suite.notes
    assert note.startswith(f"column 'n' is an input: {reason}")


def test_the_target_in_other_units_is_noted_only() -> None:
    y = DRAW.normal(size=ROWS)
    frame = pd.DataFrame({"x": DRAW.normal(size=ROWS), "euros": (1.1 * y + 3).round(12), "y": y})
    (note,) = TableSuite(lambda: frame, {"y": "regression"}).notes
    assert note.startswith("column 'euros' is an input: it is target 'y' times a number, or more or less by one")
    assert not TableSuite(lambda: frame.assign(euros=frame.euros.round(1)), {"y": "regression"}).notes


def test_what_orders_the_rows_as_the_target_does_is_noted_only() -> None:
    """As the logarithm of a price, to few digits, would."""
    y = DRAW.lognormal(size=ROWS)
    frame = pd.DataFrame({"x": DRAW.normal(size=ROWS), "log": np.log(y).round(3), "y": y})
    for sign in (1, -1):
        (note,) = TableSuite(lambda sign=sign: frame.assign(log=sign * frame.log), {"y": "regression"}).notes  # type: ignore[misc]
        assert note.startswith("column 'log' is an input: it orders the rows as target 'y' does, or the other way")
    for other in (y.round(), frame.log.mask(np.arange(ROWS) % 10 == 0, 9)):
        assert not TableSuite(lambda other=other: frame.assign(log=other), {"y": "regression"}).notes  # type: ignore[misc]


@pytest.mark.parametrize(
    ("target", "kind", "lacks", "said"),
    [
        (["no", "yes"], "binary", ["no"], "it has a value exactly where target 'y' is 'yes'"),
        ([0, 1, 2], "count", [0], "it has no value exactly where target 'y' is '0'"),
        (["a", "b", "c", "d"], "classes", ["a", "c"], "it has a value exactly where target 'y' is one of 2 values"),
        (["no", "yes"], "binary", [], ""),
    ],
)
def test_a_column_that_some_classes_alone_have_is_noted_only(
    target: list[object], kind: str, lacks: list[object], said: str
) -> None:
    """As the day on which somebody left; not where one row is otherwise, as values are missing for any reason."""
    y = pd.Series(target * ROWS)[:ROWS]
    day = pd.Series(pd.date_range("2024-01-01", periods=ROWS)).mask(y.isin(lacks))
    frame = pd.DataFrame({"x": DRAW.normal(size=ROWS), "day": day, "y": y})
    notes = [f"column 'day' is an input: {said}; to leave it out: 'task.columns={{day: ignore}}'"] if said else []
    assert TableSuite(lambda: frame, {"y": kind}).notes == notes
    assert not TableSuite(lambda: frame.assign(day=day.fillna(day[1]).mask(DRAW.random(ROWS) < 0.3)), {"y": kind}).notes


def test_another_way_to_write_the_target_is_noted_only() -> None:
    y = np.arange(ROWS) % 3
    frame = pd.DataFrame({"word": np.array(["low", "mid", "high"])[y], "y": y})
    suite = TableSuite(lambda: frame, {"y": "classes"})
    assert suite.encoding.features == ("word = other", "word = high", "word = low", "word = mid")
    assert suite.notes == [
        "column 'word' is an input: each of its values stands for one of target 'y'; to leave it out: "
        "'task.columns={word: ignore}'"
    ]


def test_classes_are_compared_as_they_are_written() -> None:
    numbers = pd.Series(np.arange(ROWS) * 7 % 5 % 3, name="n")
    texts, rows = numbers.astype(str), np.arange(ROWS)
    for values, labels in ((numbers, texts), (texts, numbers)):
        assert leak(values, rows, {"y": labels}) == ("it is a copy of target 'y'", True)
    two = (numbers > 0).map({True: "yes", False: "no"})
    found = leak(two.map({"yes": "left", "no": "stayed"}), rows, {"y": two})
    assert found == ("each of its values stands for one of target 'y'", False)
    assert leak(two.shift(1, fill_value="no"), rows, {"y": two}) == ("", False)


def test_a_target_that_is_chosen_as_an_input_is_noted() -> None:
    """As where somebody lists the kinds of all columns: every metric is then perfect."""
    (note,) = made("n", DRAW.integers(0, 9, ROWS), columns={"x": "number", "y": "category"}).notes
    assert note.startswith("column 'y' has labels and is an input, as task.columns says")
    assert made("n", DRAW.integers(0, 9, ROWS), columns={"x": "number", "y": "ignore"}).notes == []


def test_the_only_input_stays() -> None:
    frame = pd.DataFrame({"n": range(ROWS), "y": DRAW.integers(0, 2, ROWS)})
    suite = TableSuite(lambda: frame, {"y": "binary"})
    assert suite.encoding.features == ("n",)
    assert suite.notes == ["column 'n' is an input: it numbers the rows; to leave it out: 'task.columns={n: ignore}'"]


def test_a_name_is_written_as_a_command_line_can_hold_it() -> None:
    frame = pd.DataFrame({"x": DRAW.normal(size=ROWS), "Unnamed: 0": range(ROWS), "y": DRAW.integers(0, 2, ROWS)})
    assert r"'task.columns={Unnamed\: 0: number}'" in TableSuite(lambda: frame, {"y": "binary"}).notes[0]


@pytest.mark.parametrize(("same", "said"), [("x", True), ("plan", False)])
def test_copies_of_training_rows_among_the_test_rows_are_noted(same: str, said: bool) -> None:
    """Unless rows are alike because there are few ways to differ."""
    draw = np.random.default_rng(0)
    values = draw.normal(size=50) if same == "x" else np.array(list("abcde") * 10)
    frame = pd.DataFrame({same: np.tile(values, 4), "y": np.tile(draw.normal(size=50).round(), 4)})
    notes = TableSuite(lambda: frame, {"y": "regression"}).notes
    assert [note for note in notes if "test rows are copies" in note] == notes[: int(said)]
    if said:
        assert notes[0].startswith("30 of 30 test rows are copies of training rows in all columns")


@pytest.mark.parametrize("splitting", [Splitting(), Splitting("given", "part")], ids=["random", "given"])
def test_copies_are_found_whatever_number_a_row_has_and_what_it_is_for(splitting: Splitting) -> None:
    """As where a customer was entered again, and got another number."""
    draw = np.random.default_rng(0)
    x, y = (np.tile(draw.normal(size=50), 4) for _ in range(2))
    part = np.repeat(["train", "train", "val", "test"], 50)
    frame = pd.DataFrame(
        {"id": draw.permutation(200), "code": [f"c{i}" for i in range(200)], "part": part, "x": x, "y": y}
    )
    columns = {"part": "ignore"} if splitting.by == "random" else {}
    notes = TableSuite(lambda: frame, {"y": "regression"}, columns, splitting).notes
    tested = len(splitting.rows(frame)["test"])
    assert [note for note in notes if "copies" in note] == [
        f"{tested} of {tested} test rows are copies of training rows in all columns that are not left out: if such "
        "rows are one case, leave the copies out, or keep them together by task.split.by=group"
    ]


def test_later_rows_are_copies_whatever_they_are_said_to_be_for() -> None:
    """The column of a split that was given says something else of them, or nothing."""
    draw = np.random.default_rng(0)
    old = pd.DataFrame({"x": draw.normal(size=ROWS), "y": draw.normal(size=ROWS), "part": "train"})
    for part in ("test", None):
        later = old.assign(part=part).iloc[:40]
        suite = TableSuite(lambda: old, {"y": "regression"}, {"part": "ignore"}, read_test=lambda rows=later: rows)
        assert suite.copies() == 40
