"""Numbers that a user gives to a method: those that train nothing are refused in one line that names the option."""

import inspect
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtl.assembly import build
from mtl.config.numbers import as_given
from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.base import check_number
from tests.support import tiny
from tests.weighting.problems import LOOKING_AROUND, METHODS, make, method, options

NUMBERS = [
    (name, key)
    for name in (*METHODS, *LOOKING_AROUND)
    for key, value in options(name).items()
    if isinstance(value, int | float)
]
WHOLE = [
    (name, key)
    for name in (*METHODS, *LOOKING_AROUND)
    for key, parameter in inspect.signature(method(name)).parameters.items()
    if str(parameter.annotation) in ("<class 'int'>", "int | None") and key != "num_tasks"
]
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
    with pytest.raises(InputError, match=rf"^weighting\.{key}={value}: expected a (finite|whole) number[^\n]*$"):
        make(name, 3, **{key: value})


@pytest.mark.parametrize(("name", "key"), NUMBERS)
@pytest.mark.parametrize("value", [True, "1", [1], torch.tensor(1.0), 1e39, 10**400], ids=lambda value: str(value)[:9])
def test_numbers_are_one_real_number_each(name: str, key: str, value: Any) -> None:
    """A truth value is none, and one that single precision does not hold is not finite."""
    said = re.escape(as_given(value))
    with pytest.raises(InputError, match=rf"^weighting\.{key}={said}: expected a (finite|whole) number[^\n]*$"):
        make(name, 3, **{key: value})


@pytest.mark.parametrize(("name", "key"), WHOLE)
@pytest.mark.parametrize("value", [1.5, 2.0])
def test_what_counts_something_is_whole(name: str, key: str, value: float) -> None:
    """As on the command line; it would fail in the first step, or be rounded there."""
    with pytest.raises(InputError, match=rf"^weighting\.{key}={value}: expected a whole number, \d or more$"):
        make(name, 3, **{key: value})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("cagrad", "c", 1e20),
        ("dwa", "temperature", 1e-300),
        ("dwa", "temperature", 1e-12),
        ("excess_mtl", "lr", 1e38),
        ("fairgrad", "alpha", 1e-12),
        ("imtl_l", "initial", 1e4),
        ("modo", "rho", 1e30),
        ("uncertainty", "initial", 1e30),
        ("uncertainty", "initial", -90.0),
    ],
)
def test_numbers_that_training_cannot_compute_with_are_refused(name: str, key: str, value: float) -> None:
    """They ended in parameters that are no numbers, in an error of a solver, or in a network that stays as it is."""
    said = re.escape(str(value))
    with pytest.raises(InputError, match=rf"^weighting\.{key}={said}: expected a finite number"):
        make(name, 3, **{key: value})


@pytest.mark.parametrize("name", ["equal", "upgrad", "graddrop", "moml"])
@pytest.mark.parametrize("tasks", [0, -1, 1.5, True, "2", None])
def test_the_number_of_tasks_is_whole(name: str, tasks: Any) -> None:
    """One of each kind."""
    said = re.escape(as_given(tasks))
    with pytest.raises(InputError, match=rf"^num_tasks={said}: expected a whole number, 1 or more$"):
        method(name)(tasks)


def test_numbers_of_numpy_and_torch() -> None:
    """Of any type of NumPy's; several values may be a tensor, or tensors."""
    assert method("krum")(np.int64(3), selected=np.int64(2)).selected == 2
    assert method("cagrad")(2, c=np.float32(0.5)).c == 0.5
    given = [0.25, 0.75]
    for values in (np.array(given, np.float32), torch.tensor(given), [torch.tensor(value) for value in given]):
        torch.testing.assert_close(make("upgrad", 2, preference=values).preference.values, torch.tensor(given))
        torch.testing.assert_close(make("gradnorm", 2, initial_losses=values).initial_losses, torch.tensor(given))


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, key in NUMBERS if key != "initial"])
def test_numbers_have_a_lower_bound(name: str, key: str) -> None:
    """All but starting values of logarithms; that of Auto-Lambda is a weight."""
    with pytest.raises(InputError, match=rf"^weighting\.{key}=-1: expected a (finite|whole) number, "):
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
@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, 1e39, 1e30, "x", None, True], ids=str)
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
    for wrong in (1.5, True, 0):
        with pytest.raises(InputError, match=rf"^weighting\.warm_up={wrong}: expected a whole number, 1 or more$"):
            make("stch", 2, warm_up=wrong)
