"""What every suite does. A check takes what makes one, with the same arguments each time."""

from collections.abc import Callable

import torch

from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.tasks import labelled
from mtl.tasks.kinds import needed_event

Build = Callable[[], MultiTaskDataModule]
SPLITS = ("train", "val", "test")


def loaded(build: Build) -> MultiTaskDataModule:
    """A suite with its rows."""
    data = build()
    data.setup("fit")
    return data


def same(one: Split, other: Split) -> bool:
    """Equal inputs and targets, missing labels too."""
    pairs = [(one.inputs, other.inputs), (one.targets, other.targets)]
    return all(
        left.keys() == right.keys()
        and all(torch.equal(left[key].nan_to_num(-1), right[key].nan_to_num(-1)) for key in left)
        for left, right in pairs
    )


def tasks_and_inputs_are_known_before_the_rows(build: Build) -> None:
    """What a network is built from is there when the suite is made, and loading changes none of it."""
    data = build()
    names, shape = [task.name for task in data.tasks], dict(data.input_shape)
    assert names
    assert shape
    assert not data.splits
    data.setup("fit")
    assert [task.name for task in data.tasks] == names
    assert dict(data.input_shape) == shape


def splits_are_whole(build: Build) -> None:
    """Train, validation and test have rows, of the inputs that are announced, with targets for every task."""
    data = loaded(build)
    for name in SPLITS:
        rows = data.splits[name]
        assert len(rows), name
        assert rows.inputs.keys() == data.input_shape.keys(), name
        assert list(rows.targets) == [task.name for task in data.tasks], name
        for key, shape in data.input_shape.items():
            found = rows.inputs[key].shape
            assert found[0] == len(rows), (name, key)
            assert all(size is None or size == real for size, real in zip(shape, found[1:], strict=True)), (name, key)


def every_task_has_labels(build: Build) -> None:
    """In each split at least one row."""
    data = loaded(build)
    for name in SPLITS:
        for task, values in data.splits[name].targets.items():
            assert labelled(values).any(), f"{name}: task {task} has no label"


def the_same_arguments_give_the_same_rows(build: Build) -> None:
    """So that a run can be repeated: rows and fingerprint are a function of the arguments, not of the random state."""
    torch.manual_seed(1)
    one = loaded(build)
    torch.manual_seed(2)
    two = loaded(build)
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint
    assert all(same(one.splits[name], two.splits[name]) for name in SPLITS)


def tasks_can_be_left_out(build: Build) -> None:
    """The others keep their rows."""
    whole, part = loaded(build), build()
    last = whole.tasks[-1].name
    given = needed_event(whole.tasks[-1])
    kept = [task.name for task in whole.tasks if task.name in (last, given)]
    part.restrict(kept)
    part.setup("fit")
    assert [task.name for task in part.tasks] == kept
    assert all(same(whole.splits[name].of(kept), part.splits[name]) for name in SPLITS)


SUITE_CHECKS: tuple[Callable[[Build], None], ...] = (
    tasks_and_inputs_are_known_before_the_rows,
    splits_are_whole,
    every_task_has_labels,
    the_same_arguments_give_the_same_rows,
    tasks_can_be_left_out,
)
