"""Losses at or below 0, as those of a density or of a reward are: no method lets one of them stop the others."""

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from mtl.testing.problem import Problem
from mtl.weighting.base import Step, Weighting
from tests.weighting.problems import EVERY, METHODS, label, make, method

POSITIVE = tuple(name for name in METHODS if method(name).needs_positive_losses)
every_variant = pytest.mark.parametrize(("name", "changed"), EVERY, ids=map(label, EVERY))
at_and_below = pytest.mark.parametrize("value", [0.0, -3.0])


class Lowered(Problem):
    """The loss of one task, or of all, has another value and the same gradient."""

    def __init__(self, value: float, lowered: tuple[int, ...] = (1,)) -> None:
        super().__init__(3, [1.0, 2.0, 0.5])
        self.value, self.lowered = value, lowered

    def forward(self, start: int = 0, stop: int | None = None) -> tuple[list[Tensor], Tensor]:
        losses, h = super().forward(start, stop)
        return [x - x.detach() + self.value if i in self.lowered else x for i, x in enumerate(losses)], h


@every_variant
@at_and_below
@pytest.mark.filterwarnings("ignore:.* is not defined for a loss of 0 or below")
def test_the_other_tasks_go_on(name: str, changed: dict[str, Any], value: float) -> None:
    """They have weights and gradients in every step, and nothing breaks."""
    problem, weighting = Lowered(value), make(name, 3, **changed)
    for _ in range(4):
        problem.train(weighting, 1, lr=0.01)
        problem.clear()
        weights = problem.backward(weighting)
        assert weights.isfinite().all()
        assert problem.update().isfinite().all()
        assert float(problem.update().norm()) > 1e-4
        if name not in ("krum", "epo", "forum", "pcd", "pmgda"):  # which may do without some of the tasks in a step
            assert float(weights[[0, 2]].abs().min()) > 1e-4
            assert min(float(problem.private_update(i).norm()) for i in (0, 2)) > 1e-5


@pytest.mark.parametrize("name", POSITIVE)
@at_and_below
def test_such_a_task_is_left_out_as_an_absent_one(name: str, value: float) -> None:
    """For a method that needs positive losses; the warning names the task, once."""
    found, expected = Lowered(value), Problem(3, [1.0, 2.0, 0.5])
    one, two = make(name, 3), make(name, 3)
    for weighting in (one, two):
        weighting.bind(["a", "b", "c"])
    with pytest.warns(UserWarning, match=r"not defined for a loss of 0 or below: task 'b' is left out"):
        weights = found.backward(one)
    torch.testing.assert_close(weights, expected.backward(two, Step(tasks=(0, 2))))
    torch.testing.assert_close(found.update(), expected.update())
    assert float(found.private_update(1).abs().max()) == 0
    one.after_step(found.current_losses)
    two.after_step(found.current_losses)
    assert_same_state(one, two)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.backward(one)


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.filterwarnings("ignore:.* is not defined for a loss of 0 or below")
def test_a_step_without_any_positive_loss_teaches_nothing(name: str) -> None:
    """No update, and no change of what the method knows."""
    problem, weighting = Lowered(-1.0, (0, 1, 2)), make(name, 3)
    before = copy.deepcopy(weighting)
    assert problem.backward(weighting).abs().max() == 0
    assert problem.update().abs().max() == 0
    weighting.after_step(problem.current_losses)
    assert_same_state(weighting, before)


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.filterwarnings("ignore:.* is not defined for a loss of 0 or below")
def test_the_loss_of_the_whole_step_counts(name: str) -> None:
    """Accumulated batches of which one has a negative loss are one batch with a positive one."""
    problem, other = Problem(3), Problem(3)
    one, two = make(name, 3), make(name, 3)
    one_batch = other.forward()[0]
    size = float(one_batch[1].detach())
    for number, shift in enumerate((-2 * size, 2 * size)):
        losses, h = problem.forward(6 * number, 6 * number + 6)
        losses[1] = losses[1] + shift
        step = Step(batches=2, last=number == 1)
        weights = one.backward(losses, problem.shared, problem.private, problem.trunk[2].parameters(), step, h)
    torch.testing.assert_close(weights, other.backward(two), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(problem.update(), other.update(), rtol=1e-3, atol=1e-5)


def assert_same_state(one: Weighting, other: Weighting) -> None:
    """Bit for bit, but for what is of one step alone."""
    for key, value in one.state_dict().items():
        if key != "before":
            torch.testing.assert_close(other.state_dict()[key], value, equal_nan=True, msg=key)


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l", "imtl"])
def test_a_weight_that_would_grow_without_limit_is_warned_of_once(name: str) -> None:
    """After an epoch whose mean loss is below 0; a loss that is above, or not known, is no matter."""
    weighting = make(name, 3)
    weighting.bind(["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weighting.on_epoch_end(torch.tensor([0.0, 1e-3, torch.nan]))
    with pytest.warns(UserWarning, match="no limit for the weight of a task .* as that of task 'b'"):
        weighting.on_epoch_end(torch.tensor([1.0, -0.1, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weighting.on_epoch_end(torch.tensor([1.0, -0.2, 1.0]))
