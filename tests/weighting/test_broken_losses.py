"""A loss that is not finite in one step, which a loop skips: the steps after it are as if it had not been."""

import math
from typing import Any

import pytest
import torch

from mtl.testing.problem import Problem
from mtl.weighting.dwa import DWA
from tests.weighting.problems import EVERY, METHODS, label, make

NORMALISED = [(name, {"normalise": "loss_scale"}) for name in METHODS if name != "forum"]
CASES = list({label(case): case for case in (*EVERY, *NORMALISED)}.values())
PASSING = ("state", "before", "age", "units")  # the number of the step, and what is of the last one alone


@pytest.mark.parametrize(("name", "changed"), CASES, ids=map(label, CASES))
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_broken_loss_leaves_no_trace(name: str, changed: dict[str, Any], value: float, steps: int) -> None:
    """In the first step, and in a later one: neither among the weights nor in what a method remembers."""
    problem, weighting = Problem(3), make(name, 3, **changed)
    problem.train(weighting, steps, lr=0.01)
    before = {key: kept.clone() for key, kept in weighting.state_dict().items()}
    problem.clear()
    losses, h = problem.forward()
    losses[1] = losses[1] * value
    weighting.backward(losses, problem.shared, problem.private, problem.trunk[2].parameters(), problem.whole_step, h)
    for key, kept in weighting.state_dict().items():
        if key.rpartition(".")[2] in PASSING or before[key].shape != kept.shape:
            continue
        seen = torch.ones_like(kept, dtype=torch.bool)
        if key == "normalisation.first_losses":  # those of the others are known from now on
            seen[[0, 2]] = False
        torch.testing.assert_close(kept[seen], before[key][seen], rtol=0, atol=0, equal_nan=True, msg=key)
    problem.clear()
    weights = problem.backward(weighting)
    assert weights.isfinite().all()
    assert problem.update().isfinite().all()


def test_an_epoch_whose_mean_loss_is_infinite_says_nothing_of_the_pace() -> None:
    weighting = DWA(2)
    for losses in ([1.0, 1.0], [math.inf, 0.5], [1.0, 0.5]):
        weighting.on_epoch_end(torch.tensor(losses))
        assert Problem(2).backward(weighting).isfinite().all()


@pytest.mark.filterwarnings("ignore:.* is not defined for a loss of 0 or below:UserWarning")
@pytest.mark.parametrize("name", ["samo", "forum", *METHODS])
def test_a_loss_that_is_a_constant_is_a_task_without_gradient(name: str) -> None:
    """As of a task whose loss is set to a number in some steps."""
    problem, weighting = Problem(3), make(name, 3)
    for constant in (torch.tensor(0.7), torch.tensor(0.0)):
        problem.clear()
        losses, h = problem.forward()
        losses[1] = constant
        layer = problem.trunk[2].parameters()
        weights = weighting.backward(losses, problem.shared, problem.private, layer, problem.whole_step, h)
        assert weights.isfinite().all()
        assert problem.update().isfinite().all()
        assert problem.private_update(1).abs().sum() == 0 or name in ("samo", "forum")
