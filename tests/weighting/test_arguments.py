"""What ``backward`` of any weighting refuses, in a loop of one's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.base import Step
from tests.weighting.problems import make

EACH_KIND = ("equal", "upgrad", "graddrop", "auto_lambda")
each_kind = pytest.mark.parametrize("name", EACH_KIND)
Change = Callable[[Problem], tuple[Any, Any, Any]]


def losses_of(problem: Problem) -> list[Tensor]:
    """With a graph of their own."""
    return list(problem.forward()[0])


WRONG: dict[str, tuple[Change, str]] = {
    "parameters of all heads in one list": (
        lambda p: (losses_of(p), p.shared, [one for part in p.private for one in part]),
        r"private: expected a list of 2 entries, as \[head.parameters\(\) for head in heads\], and got one of 4",
    ),
    "one parameter for each task": (
        lambda p: (losses_of(p), p.shared, [part[0] for part in p.private]),
        r"private\[0\]: expected several parameters, as of trunk.parameters\(\), and got a Parameter",
    ),
    "a generator of all heads' parameters": (
        lambda p: (losses_of(p), p.shared, (one for part in p.private for one in part)),
        "private: expected a list of 2 entries, .* and got a generator",
    ),
    "one entry too few": (lambda p: (losses_of(p), p.shared, p.private[:1]), "and got one of 1"),
    "one entry too many": (lambda p: (losses_of(p), p.shared, [*p.private, []]), "and got one of 3"),
    "a module": (lambda p: (losses_of(p), p.trunk, p.private), "shared: expected several parameters"),
    "names too": (
        lambda p: (losses_of(p), p.trunk.named_parameters(), p.private),
        "shared: expected several parameters, .* and got a generator",
    ),
    "numbers": (
        lambda p: ([loss.item() for loss in losses_of(p)], p.shared, p.private),
        "the loss of task number 0 is a float: expected a tensor",
    ),
    "losses by name": (
        lambda p: (dict(zip("ab", losses_of(p), strict=True)), p.shared, p.private),
        "losses: expected a list of 2 scalars, and got a dict",
    ),
    "losses without a graph": (
        lambda p: ([loss.detach() for loss in losses_of(p)], p.shared, p.private),
        "no loss has a graph, so nothing would be trained",
    ),
}


@each_kind
@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_one_line(name: str, case: str) -> None:
    """Some of them would train nothing, or no head, without a word."""
    change, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        make(name, 2).backward(*change(Problem(2)))


@each_kind
@pytest.mark.parametrize("place", ["shared", "private[1]"])
def test_generators_that_were_used_up_are_one_line(name: str, place: str) -> None:
    """As of ``parameters()`` called once, before the loop: from the second step on nothing would be trained."""
    problem, weighting = Problem(2), make(name, 2)
    shared: Any = problem.trunk.parameters() if place == "shared" else problem.shared
    private: Any = problem.private if place == "shared" else [problem.private[0], (p for p in problem.private[1])]
    weighting.backward(losses_of(problem), shared, private)
    with pytest.raises(InputError, match="a generator that was used up before") as refused:
        weighting.backward(losses_of(problem), shared, private)
    assert str(refused.value).startswith(f"{place}:")


@each_kind
def test_tasks_of_a_step_are_among_those_there_are(name: str) -> None:
    """Each once."""
    for tasks in ((0, 2), (1, 1), (-1,)):
        problem = Problem(2)
        with pytest.raises(InputError, match=r"step.tasks=.*: expected different numbers from 0 to 1"):
            make(name, 2).backward(losses_of(problem), problem.shared, problem.private, step=Step(tasks=tasks))


@each_kind
def test_a_step_without_any_label_changes_nothing(name: str) -> None:
    """No gradient, and weights of 0."""
    problem = Problem(2)
    weights = make(name, 2).backward(losses_of(problem), problem.shared, problem.private, step=Step(tasks=()))
    assert weights.tolist() == [0.0, 0.0]
    assert all(p.grad is None for p in problem.parameters)


@each_kind
def test_gradients_need_not_be_recorded_around_it(name: str) -> None:
    """As for ``loss.backward()``, which may be called under ``torch.no_grad()``."""
    problem, plain = Problem(2), Problem(2)
    losses = losses_of(problem)
    with torch.no_grad():
        make(name, 2).backward(losses, problem.shared, problem.private)
    make(name, 2).backward(losses_of(plain), plain.shared, plain.private)
    for one, other in zip(problem.parameters, plain.parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)
