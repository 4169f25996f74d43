"""Tasks and their relations: labels, losses, order."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchmetrics import R2Score

from mtl.errors import InputError
from mtl.tasks import (
    NO_LABEL,
    Task,
    TaskGraph,
    binary,
    choice,
    choice_loss,
    classification,
    count,
    labelled,
    ordinal,
    quantiles,
    regression,
    survival,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (torch.tensor([1.0, NAN, 0.0]), [True, False, True]),
        (torch.tensor([2, NO_LABEL, 0]), [True, False, True]),
        (torch.tensor([[1.0, NAN], [NAN, NAN]]), [True, False]),
        (torch.tensor([[NO_LABEL, 3], [NO_LABEL, NO_LABEL]]), [True, False]),
        (torch.tensor([-100.0]), [True]),
        (torch.tensor([156, 0], dtype=torch.uint8), [True, True]),
    ],
    ids=["nan", "-100", "part of a row", "part of an integer row", "-100 is a number among numbers", "bytes have none"],
)
def test_rows_without_any_label_are_unlabelled(target: Tensor, expected: list[bool]) -> None:
    """NaN in floating targets, -100 in integer ones."""
    assert labelled(target).tolist() == expected


CASES = [
    (regression("a"), (), torch.tensor([1.0, -2.0, 0.5]), torch.tensor([NAN])),
    (binary("a"), (), torch.tensor([1.0, 0.0, 1.0]), torch.tensor([NAN])),
    (binary("a"), (), torch.tensor([1, 0, 1]), torch.tensor([NO_LABEL])),
    (classification("a", 4), (4,), torch.tensor([3, 0, 1]), torch.tensor([NO_LABEL])),
    (count("a", mean=2.0), (), torch.tensor([0.0, 1.0, 7.0]), torch.tensor([NAN])),
    (quantiles("a", [0.1, 0.9]), (2,), torch.tensor([0.5, -1.0, 7.0]), torch.tensor([NAN])),
    (ordinal("a", [0.2, 0.3, 0.5]), (3,), torch.tensor([2, 0, 1]), torch.tensor([NO_LABEL])),
    (survival("a", [0, 1, 2]), (2,), torch.tensor([[0.5, 1], [1.7, 0], [3, 1]]), torch.full((1, 2), NAN)),
    (choice("a"), (3,), torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]]), torch.full((1, 3), NAN)),
]
IDS = [
    "regression",
    "binary",
    "binary of integers",
    "classification",
    "count",
    "quantiles",
    "ordinal",
    "survival",
    "choice",
]


@pytest.mark.parametrize(("task", "shape", "target", "nothing"), CASES, ids=IDS)
def test_unlabelled_rows_leave_no_trace(task: Task, shape: tuple[int, ...], target: Tensor, nothing: Tensor) -> None:
    """Loss and gradient of the labelled rows are what they are without the others, whose loss and gradient are 0."""
    prediction = torch.randn(3, *shape)
    alone = prediction.clone().requires_grad_()
    among = torch.cat([torch.randn(1, *shape), prediction]).requires_grad_()
    targets = torch.cat([nothing, target])
    expected = task.losses(alone, target)
    found = task.losses(among, targets, labelled(targets))
    torch.testing.assert_close(found, torch.cat([torch.zeros(1), expected]))
    expected.sum().backward()
    found.sum().backward()
    assert alone.grad is not None
    torch.testing.assert_close(among.grad, torch.cat([torch.zeros(1, *shape), alone.grad]))


@pytest.mark.parametrize(("task", "shape", "target", "nothing"), CASES, ids=IDS)
def test_losses_are_single_precision(task: Task, shape: tuple[int, ...], target: Tensor, nothing: Tensor) -> None:
    """Whatever the network ran in."""
    assert task.losses(torch.randn(3, *shape).bfloat16(), target).dtype == torch.float32


def test_loss_values() -> None:
    """By hand."""
    assert regression("a").losses(torch.tensor([3.0]), torch.tensor([1.0])).tolist() == [4.0]
    torch.testing.assert_close(binary("a").losses(torch.tensor([0.0]), torch.tensor([1])), torch.tensor([math.log(2)]))
    torch.testing.assert_close(
        classification("a", 4).losses(torch.zeros(1, 4), torch.tensor([2])), torch.tensor([math.log(4)])
    )


def test_choice_gives_credit_for_ties() -> None:
    """-log of the probability of all acceptable candidates; padding has none; a row without one costs nothing."""
    padded = torch.tensor([[0.0, 0.0, 0.0, -torch.inf]]).repeat(3, 1)
    target = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]])
    logits = padded.requires_grad_()
    loss = choice_loss(logits, target)
    torch.testing.assert_close(loss, torch.tensor([math.log(3 / 2), 0.0, 0.0]))
    loss.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_task_checks_itself() -> None:
    """Name, primary metric and its direction."""
    task = regression("a")
    assert task.higher_is_better
    with pytest.raises(InputError, match="'my task' must be an identifier"):
        replace(task, name="my task")
    with pytest.raises(InputError, match="'class' must be an identifier"):
        replace(task, name="class")
    with pytest.raises(InputError, match="unknown primary metric of task 'a' 'r3': did you mean 'r2'"):
        replace(task, primary="r3")
    with pytest.raises(InputError, match="task 'a': metric 'r2' is the class R2Score, expected a"):
        replace(task, metrics={"r2": R2Score})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["loss", "a/r2"])
def test_a_metric_cannot_take_the_name_of_another_number(name: str) -> None:
    """``loss`` is the key of the task's mean loss, and a slash stands between task and metric."""
    task = regression("a")
    with pytest.raises(InputError, match=f"task 'a': metric '{name}' needs another name"):
        replace(task, metrics={**task.metrics, name: task.metrics["r2"]})


def test_graph_puts_tasks_after_those_they_depend_on() -> None:
    """Order, generations, and the given order of names."""
    a, b, c, d = (regression(name) for name in "abcd")
    graph = TaskGraph((replace(a, depends_on=("d", "c")), b, replace(c, depends_on=("b",)), d))
    assert graph.names == ("a", "b", "c", "d")
    assert graph.generations == (("b", "d"), ("c",), ("a",))
    assert graph.order == ("b", "d", "c", "a")
    assert graph["c"].depends_on == ("b",)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((), "no task"),
        ((regression("a"), regression("a")), "'a' is defined twice"),
        ((replace(regression("a"), depends_on=("bb",)), regression("b")), "depends_on of 'a' 'bb': did you mean 'b'"),
        ((replace(regression("a"), depends_on=("a",)),), "circle: a -> a"),
        (
            (replace(regression("a"), depends_on=("b",)), replace(regression("b"), depends_on=("a",))),
            "in a circle: (a -> b -> a|b -> a -> b)",
        ),
    ],
    ids=["none", "twice", "unknown", "itself", "circle"],
)
def test_graph_refuses(tasks: tuple[Task, ...], message: str) -> None:
    """With one line that says what."""
    with pytest.raises(InputError, match=message):
        TaskGraph(tasks)


def test_relations_replace_dependencies() -> None:
    """Only of the tasks that are named."""
    graph = TaskGraph((regression("a"), replace(regression("b"), depends_on=("a",)), regression("c")))
    changed = graph.depending({"c": ["b"], "b": []})
    assert [task.depends_on for task in changed.tasks] == [(), (), ("b",)]
    with pytest.raises(InputError, match=r"relations.depends_on 'd'"):
        graph.depending({"d": ["a"]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regression("a", std=0.0), "std of task 'a'=0.0: expected a finite number, above 0"),
        (lambda: regression("a", mean=float("nan")), "mean of task 'a'=nan: expected a finite number"),
        (lambda: regression("a", logarithm=(0.0, 0.0)), "std of task 'a'=0.0: expected"),
        (lambda: count("a", 0.0), "mean of task 'a'=0.0: expected a finite number, above 0"),
        (lambda: binary("a", smoothing=1.0), "smoothing of task 'a'=1.0: expected a finite number, 0 or more"),
        (lambda: binary("a", weights=[1.0, 2.0, 3.0]), "weights of task 'a'=[1.0, 2.0, 3.0]: expected 2 numbers"),
        (lambda: classification("a", 3, weights=[1.0, 2.0]), "weights of task 'a'=[1.0, 2.0]: expected 3 numbers"),
        (lambda: classification("a", 1), "classes of task 'a'=1: expected a whole number, 2 or more"),
        (lambda: quantiles("a", [0.9, 0.1]), "levels of task 'a'=[0.9, 0.1]: expected increasing ones, above 0"),
        (lambda: quantiles("a", [0.5, 1.0]), "levels of task 'a'=[0.5, 1.0]: expected"),
        (lambda: survival("a", [1.0, 2.0]), "edges of task 'a'=[1.0, 2.0]: expected two or more, increasing"),
        (lambda: survival("a", [0.0, 2.0, 2.0]), "edges of task 'a'=[0.0, 2.0, 2.0]: expected"),
    ],
)
def test_what_would_make_a_loss_or_metric_of_no_sense_is_refused(make: Callable[[], Task], message: str) -> None:
    """Levels that fall would be measured against predictions that rise, a std of 0 gives losses without end."""
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        make()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda p, t: ((p - t) ** 2).mean(), r"has the shape \(\) for 3 rows: expected one number of each row"),
        (lambda p, t: (p[:, None] - t) ** 2, r"has the shape \(3, 3\) for 3 rows"),
        (lambda p, t: ((p - t) ** 2)[:, None], r"has the shape \(3, 1\) for 3 rows"),
        (lambda p, t: 3.0, "is 3.0 for 3 rows: expected one number"),
        (lambda p, t: (p - t).detach() ** 2, "has no graph, so nothing would be learned of it"),
        (lambda p, t: (p > t).float(), "has no graph"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_a_loss_is_one_of_each_row_that_can_be_learned(
    loss: Callable[[Tensor, Tensor], Tensor], message: str, complete: bool
) -> None:
    """Its sum would else be that of all pairs of rows, or of rows without a label too."""
    task, prediction = replace(regression("a"), loss=loss), torch.zeros(3, requires_grad=True)
    with pytest.raises(InputError, match=f"^the loss of task 'a' {message}"):
        task.losses(prediction, torch.ones(3), None if complete else torch.tensor([True, False, True]))


def test_predictions_that_a_loss_does_not_take_are_one_line() -> None:
    """A head or a network of one's own may give other numbers than the loss reads."""
    said = r"^the loss of task 'a' does not take predictions \(2, 4, 3\) with targets \(2,\), torch.int64: Expected"
    with pytest.raises(InputError, match=said):
        classification("a", 3).losses(torch.zeros(2, 4, 3), torch.zeros(2, dtype=torch.long))


def test_what_is_decoded_has_a_row_of_each() -> None:
    """Else metrics would fail in words of their own, or count a mean as a row."""
    for decode, found in ((lambda p: p.mean(), r"the shape \(\)"), (lambda p: None, "a NoneType")):
        with pytest.raises(InputError, match=f"^'decode' of task 'a' makes {found} of 3 rows: expected a tensor"):
            replace(regression("a"), decode=decode).measured(torch.zeros(3))  # type: ignore[arg-type]
