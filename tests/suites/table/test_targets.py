"""Columns as labels of tasks."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import Splitting, TableSuite
from mtl.suites.table.target_specs import identifier, parse_targets
from mtl.suites.table.targets import Target
from mtl.tasks import classification, labelled
from tests.suites.table.customers import customers, suite

GIVEN = Splitting("given", "part")


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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("churn", "churn"),
        ("Größe", "Größe"),
        ("a b-c", "a_b_c"),
        ("1st", "_1st"),
        ("class", "class_"),
        ("items", "items"),
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
        ([1, 2], ("1", "2")),
    ],
)
def test_the_second_value_of_a_binary_target_means_yes(values: list[Any], order: tuple[str, str]) -> None:
    """A line says so, unless the values themselves do."""
    frame = pd.DataFrame({"x": np.sqrt(np.arange(40)), "y": values * 20})
    made = suite(frame, {"y": "binary"})
    assert made.targets[0].values == order
    said = f"target 'y': '{order[1]}' counts as yes; for the other one, say positive: {order[0]}"
    assert made.notes == ([] if order[1] in ("yes", "1", "True") else [said])


def test_the_positive_value_can_be_chosen() -> None:
    frame = pd.DataFrame({"x": np.arange(40), "y": ["good", "bad"] * 20})
    made = suite(frame, {"default": {"column": "y", "kind": "binary", "positive": "bad"}})
    assert made.targets[0].values == ("good", "bad")
    assert made.tasks[0].name == "default"


def test_target_specs_name_tasks_and_columns() -> None:
    found = parse_targets({"a b": "binary", "t": {"column": "c", "kind": "classes"}})
    assert {name: (wish.column, wish.kind) for name, wish in found.items()} == {
        "a_b": ("a b", "binary"),
        "t": ("c", "classes"),
    }


def far(rows: int = 400) -> pd.DataFrame:
    """A target near 1.7e9, as moments in seconds are, with a spread of 50."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "due": 1_700_000_000 + 50 * x + draw.normal(size=rows) / 10})


def test_labels_far_from_zero_keep_their_digits() -> None:
    frame = far()
    made = suite(frame, {"due": "regression"})
    (target,), (task,) = made.targets, made.tasks
    labels = target.encode(frame)
    kept = made.own_units("due", labels)
    np.testing.assert_allclose(kept, frame.due, rtol=0, atol=1e-4)
    raw = (labels.double() - (target.mean - target.offset)) / target.std
    np.testing.assert_allclose(made.own_units("due", task.decode(raw.float())), frame.due, rtol=0, atol=1e-3)
    assert task.metrics["r2"].clone()(task.decode(raw.float()), labels) > 0.999999
    assert "1.7e+09" in made.preview()


@pytest.mark.parametrize(
    ("std", "value", "written"),
    [
        (1.0, 0.1234567891, 0.123457),
        (1.0, 1e-7, 1e-7),
        (1e-9, 1.23456789e-9, 1.234568e-9),
        (1e9, 123456789012.0, 123456789000.0),
        (1e6, 0.1234567891, 0.123457),
        (50.0, 1_700_000_000.123456, 1_700_000_000.12346),
        (1.0, 0.0, 0.0),
        (1.0, -2.5, -2.5),
    ],
)
def test_what_is_written_has_the_digits_of_the_spread_and_six_at_least(
    std: float, value: float, written: float
) -> None:
    assert Target("a", "a", "regression", std=std).own_units(np.array([value])) == [written]


def test_predictions_are_limited_to_the_labels_of_the_training_if_asked_for() -> None:
    frame = far().assign(due=lambda f: f.due - 1_700_000_000)
    for offset in (0, 1_700_000_000):
        moved = frame.assign(due=frame.due + offset)
        made = suite(moved, {"due": {"column": "due", "kind": "regression", "clamp": True}})
        found = made.own_units("due", made.tasks[0].decode(torch.tensor([-1e6, 0.0, 1e6])))
        train = moved.due.iloc[made.splitting.rows(moved)["train"]]
        np.testing.assert_allclose([found[0], found[2]], [train.min(), train.max()], rtol=0, atol=1e-3)
        assert train.min() < found[1] < train.max()
    with pytest.raises(InputError, match="target 'due': clamp=True: expected true or false, of kind regression or"):
        suite(frame, {"due": {"kind": "binary", "clamp": True}})


def test_a_logarithm_is_learned_and_metrics_stay_in_own_units() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=300)}).assign(cost=lambda f: np.expm1(3 + f.x).clip(lower=0))
    made = suite(frame, {"cost": {"kind": "regression", "transform": "log", "primary": "mae"}})
    (task,), labels = made.tasks, made.splits["train"].targets["cost"]
    raw = task.encode(labels)  # type: ignore[misc]
    torch.testing.assert_close(
        torch.stack([raw.mean(), raw.std(correction=0)]), torch.tensor([0.0, 1.0]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(task.decode(raw), labels, rtol=1e-4, atol=1e-4)
    assert task.loss(raw, labels).abs().max() < 1e-8
    assert task.primary == "mae"
    assert Target.of(json.loads(json.dumps(made.targets[0].plain()))) == made.targets[0]
    with pytest.raises(InputError, match="target 'cost': transform=log, and row "):
        suite(frame.assign(cost=frame.cost - 1), {"cost": {"kind": "regression", "transform": "log"}})


@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_balanced_weights_make_each_class_count_alike(kind: str) -> None:
    frame = customers()
    column = "churn" if kind == "binary" else "segment"
    frame = frame.assign(churn=np.where(np.arange(len(frame)) % 5 == 0, "yes", "no"))
    made = suite(frame, {column: {"kind": kind, "weights": "balanced"}})
    (task,), labels = made.tasks, made.splits["train"].targets[column]
    labels = labels[labelled(labels)]
    prediction = torch.zeros(len(labels)) if kind == "binary" else torch.zeros(len(labels), len(made.targets[0].values))
    losses = task.losses(prediction, labels)
    totals = torch.stack([losses[labels == value].sum() for value in labels.unique()])
    torch.testing.assert_close(totals, totals.mean().expand(len(totals)))
    plain = suite(frame, {column: kind}).tasks[0].losses(prediction, labels)
    torch.testing.assert_close(losses.mean(), plain.mean())


@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_balanced_classes_count_alike_by_the_weights_of_their_rows(kind: str) -> None:
    """A weight is so many copies of a row, and copies would be counted."""
    frame = customers()
    churn = np.where(np.arange(len(frame)) % 5 == 0, "yes", "no")
    frame = frame.assign(churn=churn, times=np.where(churn == "yes", 7.0, 0.5) + np.arange(len(frame)) % 2)
    made = suite(frame, {"churn": {"kind": kind, "weights": "balanced"}}, row_weight="times")
    train = made.splits["train"]
    labels, weights = train.targets["churn"], train.weights
    assert weights is not None
    losses = made.tasks[0].losses(torch.zeros(len(labels), *[2] * (kind == "classes")), labels, weights=weights)
    totals = torch.stack([losses[labels == value].sum() for value in (0, 1)])
    torch.testing.assert_close(totals, totals.mean().expand(2))


def test_smooth_labels_are_so_only_with_some_probability() -> None:
    """With 0.2 of two classes, nine in ten; weights are those of the label."""
    asked = {"churn": {"kind": "binary", "smoothing": 0.2}, "segment": {"kind": "classes", "smoothing": 0.2}}
    made = suite(customers(), asked)
    churn, segment = made.tasks
    logit, label = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])
    likely, unlikely = logit.abs().sigmoid().log(), (-logit.abs()).sigmoid().log()
    torch.testing.assert_close(churn.losses(logit, label), -(0.9 * likely + 0.1 * unlikely))
    scores, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    chances = scores.log_softmax(-1)
    expected = -(0.8 * chances[range(4), labels] + 0.2 * chances.mean(-1))
    torch.testing.assert_close(segment.losses(scores, labels), expected)
    weighted = classification("a", 3, weights=[1.0, 2.0, 3.0], smoothing=0.2)
    torch.testing.assert_close(weighted.losses(scores, labels), expected * torch.tensor([1.0, 2.0, 3.0, 2.0]))
    assert [Target.of(target.plain()) for target in made.targets] == list(made.targets)


def test_a_binary_target_may_need_another_one() -> None:
    """Its chance is never above that of the other, and what a run wrote down of it is the same."""
    frame = customers().assign(stayed=lambda rows: rows["churn"])
    made = suite(frame, {"churn": "binary", "stayed": {"kind": "binary", "given": "churn"}})
    assert made.tasks[1].depends_on == ("churn",)
    assert [Target.of(target.plain()) for target in made.targets] == list(made.targets)
    for given, message in (("chrn", "did you mean 'churn'"), ("stayed", "expected another target of kind binary")):
        with pytest.raises(InputError, match=message):
            suite(frame, {"churn": "binary", "stayed": {"kind": "binary", "given": given}})


@pytest.mark.parametrize(
    ("kind", "primary"),
    [
        ("binary", "average_precision"),
        ("binary", "f1"),
        ("binary", "mcc"),
        ("binary", "log_loss"),
        ("binary", "brier"),
        ("classes", "balanced_accuracy"),
        ("classes", "f1"),
        ("classes", "log_loss"),
        ("classes", "brier"),
        ("regression", "rmse"),
        ("regression", "mape"),
    ],
)
def test_the_primary_metric_can_be_chosen(kind: str, primary: str) -> None:
    column = {"binary": "churn", "classes": "segment", "regression": "spend"}[kind]
    made = suite(customers(), {column: {"kind": kind, "primary": primary}})
    (task,), split = made.tasks, made.splits["train"]
    known = labelled(split.targets[column])
    labels = split.targets[column][known]
    perfect = {
        "binary": lambda: 40 * labels - 20,
        "classes": lambda: 40 * torch.nn.functional.one_hot(labels, len(made.targets[0].values)).float(),
        "regression": lambda: (labels - made.targets[0].mean) / made.targets[0].std,
    }[kind]()
    found = task.metrics[task.primary].clone()(task.measured(perfect), labels)
    assert found == pytest.approx(1.0 if task.higher_is_better else 0.0, abs=1e-3)
    with pytest.raises(InputError, match=f"unknown primary metric of task '{column}' 'mbe'"):
        suite(customers(), {column: {"kind": kind, "primary": "mbe"}})


def test_the_primary_metric_of_other_kinds_is_the_chosen_one() -> None:
    frame = orders().assign(days=lambda f: 10 + f.x.abs(), left=lambda f: f.index % 2)
    chosen = {"items": ("count", "rmse"), "grade": ("ordinal", "kappa")}
    asked = {name: {"kind": kind, "primary": primary} for name, (kind, primary) in chosen.items()}
    asked["grade"]["order"] = ["low", "mid", "high"]
    assert [task.primary for task in suite(frame, asked).tasks] == ["rmse", "kappa"]
    of_times = {"kind": "survival", "event": "left"}
    for name, entry in {"days": of_times, "price": {"kind": "quantiles"}}.items():
        with pytest.raises(InputError, match=f"unknown primary metric of task '{name}' 'rmse'"):
            suite(frame, {name: {**entry, "primary": "rmse"}})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"kind": "binary", "transform": "log"},
            "transform=log: expected transform=log or transform=quantile, of kind reg",
        ),
        ({"kind": "regression", "transform": "sqrt"}, "transform=sqrt: expected transform=log or transform=q"),
        ({"kind": "regression", "weights": "balanced"}, "expected weights=balanced, of kind binary or classes"),
        ({"kind": "classes", "weights": [1, 2]}, "expected weights=balanced"),
        ({"kind": "classes", "smoothing": 1}, "smoothing=1: expected a number, 0 or more and below 1"),
        ({"kind": "regression", "smoothing": 0.1}, "smoothing=0.1: .* of kind binary or classes"),
        ({"kind": "classes", "positive": "a"}, "positive=a: expected a value, of kind binary"),
        ({"kind": "quantiles", "levels": [0.9, 0.1]}, "expected increasing numbers above 0 and below 1"),
        ({"kind": "quantiles", "levels": [0, 0.5]}, "expected increasing numbers above 0 and below 1"),
        ({"kind": "ordinal", "order": ["low", "low"]}, "expected its values from low to high, each once"),
        ({"kind": "regression", "given": "segment"}, "given=segment: .* of kind binary"),
        ({"kind": "ordinal", "levels": [0.5]}, r"levels=\[0.5\]: .* of kind quantiles"),
    ],
)
def test_options_that_do_not_fit_a_target_are_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_targets({"spend": entry})


def orders(rows: int = 200) -> pd.DataFrame:
    """A count, a price and a grade."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    grade = np.array(["low", "mid", "high"])[np.digitize(x + draw.normal(size=rows), [-0.5, 0.5])]
    died = np.arange(rows) % 2 + 1
    return pd.DataFrame({"x": x, "items": draw.poisson(np.exp(1 + x)), "price": 1e7 + x, "grade": grade, "died": died})


def test_counts_quantiles_and_ordinal_targets_are_repeated_from_what_was_written_down() -> None:
    frame = orders().assign(days=lambda f: 10 + 3 * f.x.abs(), left=lambda f: np.where(f.index % 3, "yes", "no"))
    frame.loc[0, "left"] = None
    asked = {
        "stay": {"kind": "survival", "column": "days", "event": "left"},
        "items": {"kind": "count", "clamp": True},
        "price": {"kind": "quantiles", "levels": [0.2, 0.8]},
        "grade": {"kind": "ordinal", "order": ["none", "low", "mid", "high"]},
    }
    made = suite(frame, asked)
    stay, items, price, grade = made.tasks
    assert [task.primary for task in made.tasks] == ["concordance", "deviance", "pinball", "mae"]
    assert "left" not in made.encoding.features
    first, second = made.targets[0].encode(frame)[:2]
    assert first.isnan().all()
    assert second.tolist() == pytest.approx([frame.days[1], 1])
    longest = stay.decode(torch.full((1, len(made.targets[0].edges) - 1), -50.0))
    assert longest.item() == pytest.approx(frame.days.iloc[made.splitting.rows(frame)["train"]].max())
    train_rows = frame.iloc[made.splitting.rows(frame)["train"]]
    came = np.histogram(train_rows.days[train_rows.left == "yes"], made.targets[0].edges)[0]
    assert came.sum() == (train_rows.left == "yes").sum()
    assert (len(came), came[-1]) == (21, 1), "the last one begins with the last event, as rows were observed for longer"
    assert came[:-1].max() - came[:-1].min() <= 2, "about as many events in each"
    share = (train_rows.grade.value_counts()[["low", "mid", "high"]] + 0.5) / (len(train_rows) + 1.5)
    assert made.targets[3].shares == pytest.approx(share.tolist())
    assert made.values == {"grade": ("low", "mid", "high")}
    assert made.parts == {"price": ("q0.2", "q0.8")}
    for target in made.targets:
        assert Target.of(json.loads(json.dumps(target.plain()))) == target
    labels = made.targets[1].encode(frame)
    np.testing.assert_array_equal(labels, frame["items"])
    train = labels[: len(labels)].numpy()[made.splitting.rows(frame)["train"]]
    assert items.decode(torch.tensor([0.0, 99.0])).tolist() == pytest.approx([train.mean(), train.max()])
    ends = price.decode(torch.tensor([[1.0, -1.0]]))  # crossing
    low, high = (made.own_units("price", part)[0] for part in ends.unbind(1))
    assert (high - low, (high + low) / 2) == pytest.approx((2 * made.targets[2].std, made.targets[2].mean), rel=1e-6)
    assert made.targets[3].encode(frame).tolist() == [["low", "mid", "high"].index(one) for one in frame.grade]
    shares = grade.decode(grade.head(4)(torch.zeros(1, 4), {}) * 1.0)
    assert shares.shape == (1, 3)
    assert "low 14, mid 8, high 8" in made.preview()


@pytest.mark.parametrize(
    ("changes", "entry", "message"),
    [
        ({"items": -1}, {"items": "count"}, "target 'items': row 1 holds -1, and a count is a whole number, 0 or more"),
        ({"items": 1.5}, {"items": "count"}, "row 1 holds 1.5, and a count is"),
        ({}, {"items": "survival"}, "target 'items': kind survival needs the column that says whether the event came"),
        (
            {},
            {"items": {"kind": "survival", "event": "grade"}},
            "the event of target 'items', holds 'high', 'low', 'mid'",
        ),
        (
            {},
            {"price": {"kind": "survival", "event": "died"}},
            "holds '1' and '2': say which of them means that the event came, such as positive: 2",
        ),
        ({"price": -1}, {"price": {"kind": "survival", "event": "x"}}, "row 1 holds -1, and a time is not negative"),
        ({"price": 0}, {"price": {"kind": "regression", "primary": "mape"}}, "row 1 holds 0, of which no error is a"),
        (
            {},
            {"price": {"kind": "survival", "event": "dyed"}},
            "unknown column 'event' of target 'price' 'dyed'",
        ),
        ({}, {"died": {"kind": "binary", "positive": 3}}, "unknown positive value of target 'died' '3'"),
        ({}, {"grade": "ordinal"}, r"say their order, from low to high: order: \[high, low, mid\]"),
        ({}, {"grade": {"kind": "ordinal", "order": ["low", "mid"]}}, "unknown value of target 'grade', which 'order'"),
    ],
)
def test_values_that_do_not_fit_a_kind_are_named(changes: dict[str, Any], entry: Any, message: str) -> None:
    frame = orders()
    for name, value in changes.items():
        frame[name] = frame[name].astype(float)
        frame.loc[0, name] = value
    with pytest.raises(InputError, match=message):
        suite(frame, entry)


@pytest.mark.parametrize(
    ("changed", "part", "entry", "message"),
    [
        ("price", "train", "regression", "target 'price' has fewer than two different values in the training rows"),
        (
            "died",
            "train",
            {"kind": "survival", "column": "price", "event": "died"},
            "fewer than two times at which",
        ),
        ("died", "test", {"kind": "survival", "column": "price", "event": "died"}, "no event in the test split"),
        ("price", "val", "regression", "target 'price' has 0 labels in the val split; try other shares"),
        (
            "grade",
            "train",
            {"kind": "classes", "weights": "balanced"},
            "balanced, and 'mid' is in no training",
        ),
    ],
)
def test_a_part_that_has_too_few_labels_is_named(changed: str, part: str, entry: Any, message: str) -> None:
    frame = orders().assign(part=["train", "train", "val", "test"] * 50, died=lambda f: f.index // 4 % 2)
    frame["price"] -= 1e7 - 10
    nothing = {"price": np.nan if part == "val" else 3.0, "died": 0, "grade": "low"}[changed]
    chosen = (frame.part == part) & ((changed != "grade") | (frame.grade == "mid"))
    frame[changed] = frame[changed].mask(chosen, nothing)
    with pytest.raises(InputError, match=message):
        suite(frame, {changed if isinstance(entry, str) or changed == "grade" else "stay": entry}, splitting=GIVEN)


def test_what_does_not_count_needs_labels_in_the_training_rows_alone() -> None:
    frame = orders().assign(part=["train", "train", "val", "test"] * 50)
    frame["price"] = frame["price"].mask(frame.part != "train")

    def made() -> TableSuite:
        found = TableSuite(lambda: frame, {"price": "regression", "grade": "classes"}, splitting=GIVEN)
        found.configure_batches(20, seed=0)
        return found

    helping, left_out, counting = made(), made(), made()
    helping.set_auxiliary(["price"])
    left_out.restrict(["grade"])
    for one in (helping, left_out):
        one.setup("fit")
        assert "nan" not in one.preview()
    counting.set_auxiliary(["grade"])
    with pytest.raises(InputError, match="target 'price' has 0 labels in the val split"):
        counting.setup("fit")


def test_ordinal_numbers_are_in_their_order() -> None:
    """Not in that of their texts, in which 10 comes before 2."""
    made = suite(orders().assign(stars=lambda f: f.index % 10 + 1), {"stars": "ordinal"})
    assert made.values == {"stars": tuple(map(str, range(1, 11)))}
    assert made.splits["train"].targets["stars"].max() == 9


def test_classes_of_which_nothing_is_learned_are_pointed_out() -> None:
    frame = pd.DataFrame({"x": np.arange(100) % 7, "y": ["a", "b"] * 45 + ["c"] * 10, "day": range(100)})
    splitting = Splitting(by="time", column="day", val=0.15, test=0.15)
    (note,) = TableSuite(lambda: frame, {"y": "classes"}, splitting=splitting).notes
    assert note == "target 'y': 'c' is in no training row, so that it is not learned"
    (note,) = suite(frame.assign(y=[f"{i}th" for i in range(100)]), {"y": "classes"}, columns={"day": "ignore"}).notes
    assert note.startswith("target 'y' has 100 classes, most of them in one row only")


def test_normal_scores_of_a_target_do_not_depend_on_its_scale() -> None:
    """Predictions stay in the units of the column, whatever they are, and within the labels of the training."""
    frame = customers()
    found = {}
    for name, far in (("near", 0.0), ("far", 1.7e9)):
        made = suite(frame.assign(spend=frame.spend + far), {"spend": {"kind": "regression", "transform": "quantile"}})
        (task,) = made.tasks
        labels = made.splits["train"].targets["spend"]
        assert task.encode is not None
        found[name] = task.encode(labels)
        known = labelled(labels)
        back = made.own_units("spend", task.decode(found[name][known]))
        np.testing.assert_allclose(
            np.array(back) - far, labels[known].double() + made.targets[0].offset - far, atol=0.6
        )
        lowest, highest = made.own_units("spend", task.decode(torch.tensor([-50.0, 50.0])))
        assert [lowest, highest] == pytest.approx([min(back), max(back)], rel=1e-3)
        again = Target.of(json.loads(json.dumps(made.targets[0].plain())))
        assert again == made.targets[0]
    torch.testing.assert_close(found["near"], found["far"], equal_nan=True, atol=0.02, rtol=0)
