"""Numbers that a user gives to a method: those that train nothing are refused in one line that names the option."""

import inspect
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.assembly import build
from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.base import check_number
from tests.support import tiny
from tests.weighting.problems import METHODS, make, method, options

NUMBERS = [(name, key) for name in METHODS for key, value in options(name).items() if isinstance(value, int | float)]
PER_TASK = [
    (name, key)
    for name in METHODS
    for key, parameter in inspect.signature(method(name)).parameters.items()
    if "Mapping[str, float]" in str(parameter.annotation)
]
MAY_ALL_BE_ZERO = {"ideal"}  # losses that can reach 0
NOT_ALL_ZERO = [(name, key) for name, key in PER_TASK if key not in MAY_ALL_BE_ZERO]


@pytest.mark.parametrize(("name", "key"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_have_to_be_finite(name: str, key: str, value: float) -> None:
    """Every number of every method."""
    with pytest.raises(InputError, match=rf"^weighting\.{key}={value}: expected a finite number[^\n]*$"):
        make(name, 3, **{key: value})


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, key in NUMBERS if key != "initial"])
def test_numbers_have_a_lower_bound(name: str, key: str) -> None:
    """All but starting values of logarithms; that of Auto-Lambda is a weight."""
    with pytest.raises(InputError, match=rf"^weighting\.{key}=-1: expected a finite number, "):
        make(name, 3, **{key: -1})


@pytest.mark.parametrize(
    ("bounds", "rule"),
    [
        ({}, ""),
        ({"least": 0}, ", 0 or more"),
        ({"above": 0, "below": 1}, ", above 0 and below 1"),
        ({"least": 0, "most": 1}, ", 0 or more and at most 1"),
    ],
    ids=str,
)
def test_message_says_the_whole_range(bounds: dict[str, float], rule: str) -> None:
    """Also where the number is not finite."""
    with pytest.raises(InputError, match=f"^weighting.x=nan: expected a finite number{rule}$"):
        check_number("x", math.nan, **bounds)


@pytest.mark.parametrize(("name", "key"), NOT_ALL_ZERO)
@pytest.mark.parametrize("zero", [0.0, 1e-60], ids=["zero", "zero in single precision"])
@pytest.mark.parametrize("by_name", [False, True])
def test_one_task_at_least_counts(name: str, key: str, zero: float, by_name: bool) -> None:
    """Weights and preferences of 0 for every task that takes part would train nothing."""
    given: Any = dict.fromkeys("abc", zero) if by_name else [zero] * 3
    with pytest.raises(
        InputError, match=rf"^weighting\.{key} is 0 for every task: [^\n]* at least one number above 0$"
    ):
        make(name, 3, **{key: given}).bind(["a", "b", "c"])


@pytest.mark.parametrize(("name", "key"), PER_TASK)
@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, 1e39, "x", None], ids=str)
def test_numbers_by_task_are_finite_and_not_negative(name: str, key: str, wrong: Any) -> None:
    """In order and by name; finite in single precision, which training computes in."""
    for given in ([1.0, wrong, 1.0], {"b": wrong}):
        with pytest.raises(
            InputError, match=rf"^weighting\.{key}: (1|b) has {re.escape(str(wrong))}, expected a finite number"
        ):
            make(name, 3, **{key: given}).bind(["a", "b", "c"])


@pytest.mark.parametrize(("name", "key"), PER_TASK)
def test_numbers_by_task_are_as_many_as_tasks(name: str, key: str) -> None:
    """An empty list too is a wrong number of values."""
    for given in ([], [1.0], [1.0] * 4):
        with pytest.raises(InputError, match=f"has {len(given)} values for 3 tasks"):
            make(name, 3, **{key: given})


@pytest.mark.parametrize(("name", "key"), PER_TASK)
def test_names_have_to_be_bound_before_the_first_step(name: str, key: str) -> None:
    """Otherwise the numbers would be ignored without a word."""
    problem, weighting = Problem(3), make(name, 3, **{key: {"a": 0.25}})
    with pytest.raises(InputError, match=rf"weighting\.{key} goes by task name"):
        problem.backward(weighting)
    weighting.bind(["a", "b", "c"])
    assert problem.backward(weighting).isfinite().all()


@pytest.mark.parametrize(("name", "key"), NOT_ALL_ZERO)
def test_zero_for_some_tasks_is_allowed(name: str, key: str) -> None:
    """One that is above 0 is enough, whichever."""
    for chosen in range(3):
        weighting = make(name, 3, **{key: torch.eye(3)[chosen].tolist()})
        assert Problem(3).backward(weighting).isfinite().all()


@pytest.mark.parametrize(
    "overrides",
    [
        ["weighting=fixed", "weighting.weights=[0,0,0]"],
        ["weighting=fixed", "weighting.weights={task0: 0, task1: 0, task2: 0}"],
        ["weighting=fixed", "weighting.weights={task0: 0, task2: 0}", "tasks=[task0,task2]"],
        ["weighting=upgrad", "weighting.preference=[0,0,0]"],
    ],
    ids=str,
)
def test_run_of_zeros_does_not_start(overrides: list[str], tmp_path: Path) -> None:
    """The tasks that count are those that the run has."""
    with pytest.raises(InputError, match="expected at least one number above 0"):
        build(tiny(tmp_path, *overrides))


@pytest.mark.parametrize(
    ("name", "key"),
    [*PER_TASK, ("gradnorm", "initial_losses"), ("auto_lambda", "primary"), ("pcd", "primary")],
)
@pytest.mark.parametrize("wrong", ["ab", 3.0])
def test_several_values_are_no_text_and_no_number(name: str, key: str, wrong: Any) -> None:
    """A text would be taken letter by letter, which are names of tasks where these are called a and b."""
    with pytest.raises(InputError, match=rf"^weighting\.{key}={wrong}: expected (numbers by task name|a list of)"):
        make(name, 2, **{key: wrong}).bind(["a", "b"])


@pytest.mark.parametrize(
    ("name", "key", "wrong"),
    [("mgda", "at", None), ("mgda", "normalise", True), ("mgda", "measure", 1), ("gradnorm", "initial", 0.5)],
)
def test_choices_that_are_no_text_are_one_line(name: str, key: str, wrong: Any) -> None:
    """As of ``at: null`` in a file of options."""
    with pytest.raises(InputError, match=rf"^unknown weighting\.{key} '{wrong}': [^\n]*valid: "):
        make(name, 2, **{key: wrong})


def test_numbers_that_are_none_are_one_line() -> None:
    """Where no config is asked for a number first."""
    for wrong in ("abc", None, [1.0]):
        with pytest.raises(InputError, match=rf"^weighting\.c={re.escape(str(wrong))}: expected a finite number"):
            make("cagrad", 2, c=wrong)


def test_warm_ups_are_of_whole_epochs() -> None:
    """None by default, so that no other place knows what is expected."""
    with pytest.raises(InputError, match=r"^weighting\.warm_up=1\.5: expected a whole number of epochs"):
        make("stch", 2, warm_up=1.5)
