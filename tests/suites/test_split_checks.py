"""Rows of an own suite that are not what it says: taken where they can mean one thing, else refused in one line."""

from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.assembly import save_statistics
from mtl.errors import InputError
from mtl.lifecycle.introduction import introduce
from mtl.module.module import acted_in_validation
from mtl.nn.encoder import SINGLE, Encoder
from mtl.nn.mlp import MLP
from mtl.nn.tabular import Tabular
from mtl.runs.directory import Run
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.suites.split_checks import check_labels, checked_splits
from mtl.tasks import binary, choice, classification, count, ordinal, regression, survival

ROWS = 8
X = torch.arange(4.0 * ROWS).view(ROWS, 4)
LABELS = {
    "hours": torch.linspace(-1, 1, ROWS),
    "late": torch.tensor([0.0, 1.0, float("nan")] * 2 + [0.0, 1.0]),
    "kind": torch.tensor([0, 1, 2, -100] * 2),
    "stars": torch.tensor([0, 1, -100, 1] * 2),
    "calls": torch.tensor([0.0, 3.0] * 4),
}
Change = Callable[[dict[str, Split]], Any]


class Own(MultiTaskDataModule):
    """Gives what a test makes of good rows."""

    fingerprint = "own"

    def __init__(self, change: Change | None = None) -> None:
        super().__init__()
        self.change = change
        self.tasks = (
            regression("hours"),
            binary("late"),
            classification("kind", 3),
            ordinal("stars", (0.5, 0.5)),
            count("calls", 1.5),
        )
        self.input_shape = {SINGLE: (4,)}

    def load(self) -> dict[str, Split]:
        splits = {name: Split({SINGLE: X.clone()}, {k: v.clone() for k, v in LABELS.items()}) for name in NAMES}
        return splits if self.change is None else self.change(splits)


class Shown(Own):
    """Tells other things of itself than it should."""

    def preview(self) -> str:
        return 3  # type: ignore[return-value]

    def statistics(self) -> dict[str, Any]:
        return {"words": {1, 2}}


NAMES = ("train", "val", "test")


def with_labels(task: str, labels: Any, split: str = "train") -> Change:
    def change(splits: dict[str, Split]) -> dict[str, Split]:
        found = splits[split]
        return {**splits, split: Split(found.inputs, {**found.targets, task: labels})}

    return change


def with_inputs(inputs: Any) -> Change:
    return lambda splits: {**splits, "val": Split(inputs, splits["val"].targets)}


def with_weights(weights: torch.Tensor) -> Change:
    return lambda splits: {**splits, "train": Split(splits["train"].inputs, splits["train"].targets, weights)}


def loaded(change: Change | None = None) -> Split:
    data = Own(change)
    data.setup("fit")
    return data.splits["train"]


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("hours", LABELS["hours"].double()),
        ("hours", LABELS["hours"][:, None]),
        ("late", LABELS["late"][:, None].double()),
        ("calls", LABELS["calls"].int()),
        ("kind", LABELS["kind"][:, None].int()),
        ("kind", torch.tensor([0.0, 1.0, 2.0, float("nan")] * 2)),
    ],
)
def test_labels_that_can_mean_one_thing_are_taken(task: str, labels: torch.Tensor) -> None:
    """One column is one label in each row: beside predictions ``[N]``, ``[N, 1]`` would be every pair of rows."""
    found, usual = (loaded(change).targets[task] for change in (with_labels(task, labels), None))
    assert found.shape == usual.shape
    assert found.dtype != torch.float64
    assert torch.equal(found.float().nan_to_num(-1), usual.float().nan_to_num(-1))


def test_true_and_false_are_labels_of_yes_and_no() -> None:
    found = loaded(with_labels("late", LABELS["late"] == 1)).targets["late"]
    assert found.tolist() == [0, 1, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("double", [False, True])
def test_inputs_in_double_precision_are_for_trees_alone(double: bool) -> None:
    """The weights of a network are in single precision."""
    data = Own(lambda splits: {name: Split({SINGLE: X.double()}, rows.targets) for name, rows in splits.items()})
    if double:
        data.serve_raw_columns()
    data.setup("fit")
    assert data.splits["val"].inputs[SINGLE].dtype == (torch.float64 if double else torch.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda splits: {name: splits[name] for name in ("train", "test")},
            "loads train, test: expected the splits tra",
        ),
        (lambda splits: None, "the suite loads NoneType: expected the splits train, val, test"),
        (lambda splits: {**splits, "val": (X, LABELS)}, "the val split is a tuple, expected a Split"),
        (
            with_labels("late", LABELS["late"] * 2 - 1),
            r"train split: target 'late' holds -1 in row 1: expected 0 for no o",
        ),
        (with_labels("late", LABELS["late"] + 1, "test"), "the test split: target 'late' holds 2 in row 2: expected 0"),
        (
            with_labels("late", LABELS["late"].nan_to_num(-100)),
            "'late' holds -100 in row 3: .*NaN means that there is no",
        ),
        (
            with_labels("kind", torch.tensor([0, 1, 3, 2] * 2)),
            "'kind' holds 3 in row 3: expected a class, 0 to 2; -100",
        ),
        (with_labels("stars", torch.tensor([1, 2] * 4)), "'stars' holds 2 in row 2: expected a class, 0 to 1"),
        (with_labels("calls", LABELS["calls"] - 1), "'calls' holds -1 in row 1: expected a whole number, 0 or more"),
        (with_labels("hours", LABELS["hours"] / 0), "'hours' holds -inf in row 1: expected a number"),
        (with_labels("hours", X), r"'hours' has labels of shape \(4,\), expected one number in each row"),
        (with_labels("hours", LABELS["hours"].numpy()), "target 'hours' is a ndarray, expected a tensor with a row"),
        (with_labels("hours", LABELS["hours"][:5]), "has 8 rows in input 'x' and 5 in target 'hours'"),
        (with_inputs({SINGLE: X[:, :3]}), r"the val split: input 'x' has rows of shape \(3,\), expected \(4,\)"),
        (with_weights(torch.ones(ROWS)), "has weights, and metric 'r2' of task 'hours' takes none: .*with_row_weights"),
        (with_weights(-torch.ones(ROWS)), "the weights hold -1 in row 1: expected numbers, 0 or more"),
        (with_weights(torch.ones(ROWS) * float("nan")), "the weights hold nan in row 1: expected numbers"),
        (with_weights(torch.zeros(ROWS)), "the train split: the weights are 0 in every row"),
        (with_weights(torch.ones(ROWS, 1)), r"the weights have the shape \(8, 1\), expected one number"),
        (with_inputs({"features": X}), "input in the val split 'x'.*features"),
    ],
)
def test_other_rows_are_refused_in_one_line(change: Change, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        loaded(change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_run_needs_a_label_of_every_task_in_every_split(split: str) -> None:
    data = Own(with_labels("late", LABELS["late"] * float("nan"), split))
    data.setup("fit")
    with pytest.raises(InputError, match=f"the {split} split: target 'late' has no label in any row"):
        check_labels(data.splits, data.tasks)


def test_a_head_of_its_own_need_not_say_how_many_classes_there_are() -> None:
    data = Own(with_labels("kind", torch.tensor([0, 1, 3, 2] * 2)))
    data.tasks = tuple(replace(task, head=lambda features: None) for task in data.tasks)  # type: ignore[arg-type, return-value]
    data.setup("fit")
    assert data.splits["train"].targets["kind"].max() == 3


@pytest.mark.parametrize("encoder", [MLP, Tabular])
def test_encoders_read_whole_numbers_as_floating_ones(encoder: Callable[..., Encoder]) -> None:
    made = encoder({SINGLE: (4,)}, widths=(8,)).eval()
    assert torch.equal(made({SINGLE: X.int()}), made({SINGLE: X}))


def test_parts_of_a_split_can_be_replaced() -> None:
    whole = Split({SINGLE: X}, {"hours": LABELS["hours"]}, groups=torch.arange(ROWS))
    changed = replace(whole, inputs={SINGLE: X + 1})
    assert len(changed) == ROWS
    assert torch.equal(changed.inputs[SINGLE], X + 1)
    inputs, targets, weights, groups = changed
    assert (inputs, targets, weights, groups) == (changed.inputs, whole.targets, None, whole.groups)


def of_train(**parts: torch.Tensor) -> Change:
    return lambda splits: {**splits, "train": replace(splits["train"], **parts)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_inputs({SINGLE: X.to(torch.complex64)}), "the val split: input 'x' is complex numbers, expected real"),
        (with_inputs({SINGLE: X.to("meta")}), "the val split: input 'x' is on the device meta"),
        (with_labels("hours", LABELS["hours"].to(torch.complex64)), "the train split: target 'hours' is complex"),
        (of_train(groups=torch.full((ROWS,), torch.nan)), "the groups hold nan in row 1: expected the whole number"),
        (of_train(groups=torch.arange(ROWS) / 4), r"the groups hold 0\.25 in row 2: expected the whole number"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(change: Change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loaded(change)


def test_rows_have_no_graph_and_groups_are_whole_numbers() -> None:
    """A target with a graph would be part of that of every loss, and groups are written down with the result."""
    hours = LABELS["hours"].clone().requires_grad_() * 1
    groups = (torch.arange(ROWS) // 2).float().requires_grad_()
    found = loaded(lambda splits: of_train(groups=groups)(with_labels("hours", hours)(splits)))
    assert not found.targets["hours"].requires_grad
    assert found.groups is not None
    assert found.groups.dtype == torch.int64
    assert found.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("fingerprint", "found"), [(None, "a NoneType"), (7, "a int"), ("", "''"), ("a\nb", "'a\\\\nb'")]
)
def test_a_fingerprint_is_a_line_of_text(fingerprint: Any, found: str) -> None:
    """Of no text any other data would have the same, and two lines are not read back as they were."""
    data = Own()
    data.fingerprint = fingerprint
    with pytest.raises(InputError, match=f"^suite Own: fingerprint is {found}, expected one line of text"):
        data.setup("fit")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.ones(ROWS), r"has labels of shape \(\), expected \(2,\): the time, and 1 if the event came"),
        (torch.tensor([[1.0, 1.0], [-1.0, 0.0]]), "holds -1, 0 in row 2: expected a time, 0 or more, and 0 or 1"),
        (torch.tensor([[1.0, 1.0], [1.0, 2.0]]), "holds 1, 2 in row 2"),
        (torch.tensor([[torch.nan, torch.nan], [1.0, torch.nan]]), "holds 1, nan in row 2"),
    ],
)
def test_times_until_an_event_are_so(labels: torch.Tensor, message: str) -> None:
    """A negative time would be one that no interval has seen, and any other number than 0 an event."""
    task, x = survival("end", (0.0, 1.0, 2.0)), torch.zeros(len(labels), 4)
    with pytest.raises(InputError, match=f"^the train split: target 'end' {message}"):
        checked_splits(dict.fromkeys(NAMES, Split({SINGLE: x}, {"end": labels})), [task], {SINGLE: (4,)})


def test_an_event_may_come_at_once() -> None:
    task, x = survival("end", (0.0, 1.0, 2.0)), torch.zeros(3, 4)
    labels = torch.tensor([[0.0, 1.0], [0.5, 0.0], [torch.nan, torch.nan]])
    found = checked_splits(dict.fromkeys(NAMES, Split({SINGLE: x}, {"end": labels})), [task], {SINGLE: (4,)})
    torch.testing.assert_close(found["test"].targets["end"], labels, equal_nan=True)


def test_what_is_said_of_the_data_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep in one process has many runs on the same data, and its progress would drown."""
    data = Own()
    for notes, expected in ((["one"], "one\n"), (["one"], ""), (["two"], "two\n"), (["one"], "one\n")):
        data.notes = notes
        introduce(data)
        assert capsys.readouterr().err == expected
    data.notes = ["column '\x1b[2J\nb\x07' of a file"]  # which a terminal would obey
    introduce(data)
    assert capsys.readouterr().err == "column '\\x1b[2J\\nb\\x07' of a file\n"


def test_a_choice_needs_candidates() -> None:
    splits = dict.fromkeys(NAMES, Split({SINGLE: X}, {"next": torch.ones(ROWS, 3)}))
    with pytest.raises(InputError, match="task 'next' is of candidates: expected an input 'mask' of them"):
        checked_splits(splits, [choice("next")], {SINGLE: (4,)})


def test_what_else_a_suite_tells_is_what_a_run_can_keep(tmp_path: Path) -> None:
    """Else a training would end in an error of a library, when it was nearly done."""
    data = Own()
    data.notes = [3]  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"^suite Own: notes are \[3\], expected a list of texts"):
        data.setup("fit")
    with pytest.raises(InputError, match=r"^suite Shown: preview gives a int, expected a text"):
        introduce(Shown())
    with pytest.raises(InputError, match=r"^suite Shown: statistics are no plain values: .*set"):
        save_statistics(Run(tmp_path), Shown())
    data.selection = ("val/gap", "min")
    for acted, found in (
        (None, "gives a NoneType, expected"),
        ({"gap": "3"}, "gap is a str, expected"),
        ({"gap": torch.ones(2)}, r"gap is a tensor \(2,\), expected"),
        ({"gap": nan}, "gap is no number, and the epoch is selected by it"),
    ):
        data.validation_rollout = lambda predict, acted=acted: acted  # type: ignore[method-assign, misc, return-value]
        with pytest.raises(InputError, match=f"^validation_rollout of the suite:? {found}"):
            acted_in_validation(data, dict)


def test_an_auxiliary_task_needs_labels_in_the_training_rows_alone() -> None:
    for split, refused in (("train", True), ("val", False), ("test", False)):
        data = Own(with_labels("late", LABELS["late"] * float("nan"), split))
        data.setup("fit")
        data.set_auxiliary(["late"])
        if refused:
            with pytest.raises(InputError, match="target 'late' has no label"):
                check_labels(data.splits, data.tasks)
        else:
            check_labels(data.splits, data.tasks)
