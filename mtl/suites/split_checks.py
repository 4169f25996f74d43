"""Whether the rows that a suite loads are what its tasks and inputs say; what is wrong is said in one line."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mtl.errors import InputError, absent
from mtl.nn.encoder import InputShape
from mtl.nn.heads import CandidateHead, ChoiceHead
from mtl.suites.batch import Split
from mtl.tasks import NO_LABEL, Task, labelled
from mtl.tasks.weighted import WeightedMetric

NEEDED = ("train", "val", "test")
BESIDE = ("the weights", "the groups")
ONE_LABEL = ("binary", "classes", "ordinal", "regression", "count", "quantiles")  # kinds with one number in each row


def checked_splits(
    splits: Mapping[str, Split], tasks: Sequence[Task], shape: InputShape, *, double: bool = False
) -> dict[str, Split]:
    """The splits with inputs in single precision and one label in each row, ``[N]``, where a task has one.

    Args:
        splits: as the suite loads them.
        tasks: of the suite.
        shape: of one row's inputs, as the suite announces them.
        double: inputs may be in double precision.

    Returns:
        The splits.

    Raises:
        InputError: a split is missing; inputs or labels are missing, of another shape, of another number of rows, or
            labels that their task cannot have. Rows would else be learned with the labels of others, or of no sense.
    """
    if not isinstance(splits, Mapping) or not set(NEEDED) <= set(splits):
        given = ", ".join(map(str, splits)) if isinstance(splits, Mapping) else type(splits).__name__
        raise InputError(f"the suite loads {given or 'no split'}: expected the splits {', '.join(NEEDED)}")
    return {name: _checked(split, name, tasks, shape, double=double) for name, split in splits.items()}


def check_fingerprint(fingerprint: object, suite: str) -> None:
    """InputError for a fingerprint of a suite by which its data could not be told from others, or not be read back."""
    if not isinstance(fingerprint, str):
        found = f"a {type(fingerprint).__name__}"
    elif fingerprint.splitlines() == [fingerprint.strip()]:
        return
    else:
        found = repr(fingerprint[:40])
    raise InputError(f"suite {suite}: fingerprint is {found}, expected one line of text that changes as the data do")


def check_notes(notes: object, suite: str) -> None:
    """InputError for notes of a suite that are no texts, which a result could not hold."""
    if not isinstance(notes, list) or not all(isinstance(one, str) for one in notes):
        raise InputError(f"suite {suite}: notes are {notes!r:.80}, expected a list of texts")


def check_labels(splits: Mapping[str, Split], tasks: Sequence[Task]) -> None:
    """InputError for a task that no row of a split has a label of: nothing would be learned or measured of it.

    Args:
        splits: the rows.
        tasks: of the suite; an auxiliary one has to be learned, not measured.
    """
    auxiliary = {task.name for task in tasks if task.auxiliary}
    for name in NEEDED:
        for task, target in splits[name].targets.items():
            if not labelled(target).any() and (name == "train" or task not in auxiliary):
                raise InputError(f"the {name} split: target '{task}' has no label in any row")


def _checked(split: Split, name: str, tasks: Sequence[Task], shape: InputShape, *, double: bool) -> Split:
    where = f"the {name} split"
    if not isinstance(split, Split):
        raise InputError(f"{where} is a {type(split).__name__}, expected a Split of mtl.suites.batch")
    for task in tasks:
        if task.name not in split.targets:
            raise absent(f"target in {where}", task.name, split.targets)
    for key in shape:
        if key not in split.inputs:
            raise absent(f"input in {where}", key, split.inputs)
    _check_tensors(split, where)
    _check_counts(split, where, tasks)
    if split.weights is not None:
        _check_weights(split.weights, where, tasks)
    for task in tasks:
        if not double and "mask" not in split.inputs and reads_mask(task):  # trees say what they do not learn
            raise InputError(f"{where}: task '{task.name}' is of candidates: expected an input 'mask' of them")
    for key, sizes in shape.items():
        _check_shape(f"{where}: input '{key}'", split.inputs[key], sizes)
    inputs = {key: values.detach() if double else _single(values) for key, values in split.inputs.items()}
    targets = {**split.targets, **{task.name: _labels(split.targets[task.name], task, where) for task in tasks}}
    weights = None if split.weights is None else split.weights.detach()
    return Split(inputs, targets, weights, None if split.groups is None else _groups(split.groups, where))


def _check_tensors(split: Split, where: str) -> None:
    parts: dict[str, Any] = {f"input '{key}'": values for key, values in split.inputs.items()}
    parts |= {f"target '{task}'": values for task, values in split.targets.items()}
    parts |= {what: values for what, values in _beside(split).items() if values is not None}
    for what, values in parts.items():
        if not isinstance(values, Tensor) or values.dim() == 0:
            kind = "a single number" if isinstance(values, Tensor) else f"a {type(values).__name__}"
            raise InputError(f"{where}: {what} is {kind}, expected a tensor with a row for each sample")
        if values.is_complex() or values.device.type != "cpu":
            kind = "complex numbers" if values.is_complex() else f"on the device {values.device}"
            raise InputError(f"{where}: {what} is {kind}, expected real numbers in the memory of the CPU")
        if what in BESIDE and values.dim() > 1:
            raise InputError(f"{where}: {what} have the shape {tuple(values.shape)}, expected one number in each row")


def _beside(split: Split) -> dict[str, Tensor | None]:
    return dict(zip(BESIDE, (split.weights, split.groups), strict=True))


def _check_counts(split: Split, where: str, tasks: Sequence[Task]) -> None:
    """InputError for other numbers of rows in inputs and labels."""
    found = {f"input '{key}'": len(values) for key, values in split.inputs.items()}
    found |= {f"target '{task.name}'": len(split.targets[task.name]) for task in tasks}
    found |= {what: len(values) for what, values in _beside(split).items() if values is not None}
    (first, rows), *others = found.items()
    for what, count in others:
        if count != rows:
            raise InputError(f"{where} has {rows} rows in {first} and {count} in {what}")


def _check_weights(weights: Tensor, where: str, tasks: Sequence[Task]) -> None:
    """InputError for a weight that is none, and for a metric that takes no weights."""
    wrong = (~(weights >= 0) | weights.isinf()).nonzero()
    if len(wrong):
        row = int(wrong[0, 0])
        raise InputError(
            f"{where}: the weights hold {weights[row].item():g} in row {row + 1}: expected numbers, 0 or more"
        )
    if len(weights) and not weights.any():
        raise InputError(f"{where}: the weights are 0 in every row")
    for task in tasks:
        for name, metric in task.metrics.items():
            if not isinstance(metric, WeightedMetric):
                raise InputError(
                    f"{where} has weights, and metric '{name}' of task '{task.name}' takes none: make such tasks by "
                    "mtl.tasks.with_row_weights"
                )


def _check_shape(what: str, values: Tensor, sizes: Sequence[int | None]) -> None:
    """InputError for rows of another shape than the suite announces."""
    found = tuple(values.shape[1:])
    if len(found) != len(sizes) or any(size not in (None, one) for size, one in zip(sizes, found, strict=True)):
        raise InputError(f"{what} has rows of shape {found}, expected {tuple(sizes)}, as input_shape says")


def _single(values: Tensor) -> Tensor:
    return values.detach().float() if values.is_floating_point() else values


def _groups(values: Tensor, where: str) -> Tensor:
    """Numbers of groups as whole ones. InputError for a part of one, which would join groups, and for a missing one."""
    wrong = (values.double() % 1 != 0).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{where}: the groups hold {values[row].item():g} in row {row + 1}: expected the whole number of a group"
        )
    return values.detach().long()


def _labels(values: Tensor, task: Task, where: str) -> Tensor:
    """Labels of a task in single precision, ``[N]`` if it has one in each row. InputError for what is none."""
    what = f"{where}: target '{task.name}'"
    values = _single(values)
    if task.kind == "survival":
        _check_times(values, what)
    if task.kind not in ONE_LABEL:
        return values
    if values.dim() == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dim() > 1:
        raise InputError(f"{what} has labels of shape {tuple(values.shape[1:])}, expected one number in each row")
    values = values.float() if values.dtype == torch.bool else values
    if task.kind == "binary":
        _check_labels(values, (values == 0) | (values == 1), what, "0 for no or 1 for yes")
    if task.kind == "count":
        _check_labels(values, (values >= 0) & (values % 1 == 0), what, "a whole number, 0 or more")
    classes = _classes(task)
    if classes is not None:
        right = (values >= 0) & (values < classes) & (values % 1 == 0)
        _check_labels(values, right, what, f"a class, 0 to {classes - 1}")
        values = values.nan_to_num(NO_LABEL).long()
    if values.is_floating_point():
        _check_labels(values, values.isfinite(), what, "a number")
    return values


def reads_mask(task: Task) -> bool:
    """Whether its head looks at which members of a set are there."""
    head = task.head.func if isinstance(task.head, partial) else task.head
    return isinstance(head, type) and issubclass(head, CandidateHead | ChoiceHead)


def _check_times(values: Tensor, what: str) -> None:
    """InputError for labels of a time until an event that are no time, 0 or more, and 0 or 1 beside it."""
    if values.dim() != 2 or values.shape[1] != 2:
        raise InputError(
            f"{what} has labels of shape {tuple(values.shape[1:])}, expected (2,): the time, and 1 if the event came"
        )
    time, event = values.unbind(1)
    right = (time >= 0) & time.isfinite() & ((event == 0) | (event == 1))
    wrong = (labelled(values) & ~right).nonzero()
    if len(wrong):
        row = int(wrong[0])
        shown = ", ".join(f"{value:g}" for value in values[row].tolist())
        raise InputError(
            f"{what} holds {shown} in row {row + 1}: expected a time, 0 or more, and 0 or 1; NaN twice means that "
            "there is no label"
        )


def _classes(task: Task) -> int | None:
    """How many classes a task has; None if it has none, or its head does not say."""
    if not isinstance(task.head, partial) or task.kind not in ("classes", "ordinal"):
        return None
    classes, shares = (task.head.keywords.get(name) for name in ("classes", "shares"))
    return classes if task.kind == "classes" or shares is None else len(shares)


def _check_labels(values: Tensor, right: Tensor, what: str, expected: str) -> None:
    """InputError for the first label that is none of those that its task can have."""
    wrong = (labelled(values) & ~right).nonzero()
    if len(wrong):
        row = int(wrong[0])
        missing = "NaN" if values.is_floating_point() else "-100"
        raise InputError(
            f"{what} holds {values[row].item():g} in row {row + 1}: expected {expected}; {missing} means that there is "
            "no label"
        )
