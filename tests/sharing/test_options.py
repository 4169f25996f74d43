"""Numbers that a user gives to a strategy: what cannot be meant is refused in one line that names the option."""

import inspect
import math
import re
from typing import Any

import pytest
import torch

from mtl.config.numbers import as_given
from mtl.errors import InputError
from mtl.testing.strategies import TASKS, disturbed, reached
from tests.sharing.strategies import MODELS, SHAPES, build, encoder, every_model, sample, strategy

NUMBERS = [
    (model, key, str(parameter.annotation) == "<class 'int'>")
    for model in MODELS
    for key, parameter in inspect.signature(strategy(model).func).parameters.items()
    if str(parameter.annotation) in ("<class 'int'>", "<class 'float'>")
]


@pytest.mark.parametrize(("model", "key", "whole"), NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "2", None, 1e39], ids=str)
def test_numbers_are_finite(model: str, key: str, whole: bool, value: Any) -> None:
    """Every number of every strategy: not a number would train nothing, without a word."""
    kind = "whole" if whole else "finite"
    rule = rf"^model\.{key}={re.escape(as_given(value))}: expected a {kind} number[^\n]*$"
    with pytest.raises(InputError, match=rule):
        build(model, "mlp", "flat", **{key: value})


@pytest.mark.parametrize(("model", "key"), [(model, key) for model, key, whole in NUMBERS if whole])
@pytest.mark.parametrize("value", [1.5, 2.0])
def test_what_counts_something_is_whole(model: str, key: str, value: float) -> None:
    """As on the command line."""
    with pytest.raises(InputError, match=rf"^model\.{key}={value}: expected a whole number, \d or more"):
        build(model, "mlp", "flat", **{key: value})


WIDTHS = ("bottleneck", "hidden", "rank")  # count no ways to choose among
ONE = {"dselect_k": {"select": 1}, "sparse": {"experts": 1, "select": 1}}  # others: each whole number 1


@every_model
def test_what_chooses_among_one_learns_nothing_and_is_said_to(model: str) -> None:
    """So that no count of parameters has it; whatever else learns nothing would be counted in vain."""
    torch.manual_seed(0)
    whole = [{key: 1} for name, key, counts in NUMBERS if name == model and counts and key not in WIDTHS]
    for changes in [ONE[model]] if model in ONE else whole:
        for names in (TASKS, TASKS[:1]):
            made = disturbed(build(model, "mlp", "flat", names, **changes))
            learning = set().union(*reached(made, sample("flat")).values())
            idle = {id(one) for one in made.idle_parameters()}
            assert {id(one) for one in made.parameters()} - learning == idle, (changes, names)


@pytest.mark.parametrize("wrong", ["abc", None, 3])
def test_a_chain_is_a_list_of_tasks(wrong: Any) -> None:
    """A text would be taken letter by letter."""
    with pytest.raises(InputError, match=rf"^model\.order={wrong}: expected a list of all tasks"):
        build("aitm", "mlp", "flat", order=wrong)


@every_model
@pytest.mark.parametrize("names", [(), ("a", "b", "a"), "ab"], ids=str)
def test_tasks_have_names_of_their_own(model: str, names: Any) -> None:
    """Two of one name would be one in a network, and two in the weights."""
    with pytest.raises(InputError, match=r"^tasks of a network: expected one name or more, each once, and got "):
        strategy(model)(SHAPES["flat"], names, encoder("mlp"))
