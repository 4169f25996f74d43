"""PCD: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.base import Step
from tests.weighting.gradients import SETTINGS, jacobians, solve
from tests.weighting.problems import PRIMARY, make


@given(jacobians(independent=True), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
@SETTINGS
def test_every_other_task_makes_its_share_of_progress(j: Tensor, tau: float) -> None:
    """And the direction is the nearest to the primary gradient: the rest of it is of tasks at their bound."""
    weighting = make("pcd", len(j), primary=PRIMARY, tau=tau, eps=0)
    weights = solve(weighting, j)
    unit, shares = j / j.norm(dim=1, keepdim=True), weights * j.norm(dim=1)
    d = shares @ unit
    torch.testing.assert_close(d.norm(), j[0].norm(), rtol=1e-4, atol=0)
    progress = unit[1:] @ d / shares[0]  # of the problem's own direction, whose weight of the primary gradient is 1
    assert bool((shares[1:] >= 0).all())
    assert bool((progress >= tau - 1e-3).all())
    assert bool(((progress < tau + 1e-3) | (shares[1:] / shares[0] < 1e-3)).all())


@pytest.mark.parametrize(
    ("others", "tau", "expected"),
    [
        # Up and down exclude one another: the primary gradient, as if there were no others; the third condition is met
        ([[0.0, 1.0], [0.0, -3.0], [1.0, 1.0]], 0.5, [2.0, 0.0]),
        ([[0.0, 1.0], [0.0, -3.0], [1.0, 1.0]], 0.0, [2.0, 0.0]),  # met by the primary gradient itself
        ([[-3.0, 0.0], [0.0, 1.0], [0.0, 2.0]], 0.0, [0.0, 0.0]),  # opposed: only 0 conflicts with neither
    ],
    ids=["conditions exclude one another", "conditions are met", "only zero is left"],
)
def test_direction_at_the_edges(others: list[list[float]], tau: float, expected: list[float]) -> None:
    """Of a primary gradient (2, 0)."""
    j = torch.tensor([[2.0, 0.0], *others], dtype=torch.float64)
    d = solve(make("pcd", 4, primary=PRIMARY, tau=tau, eps=0), j) @ j
    torch.testing.assert_close(d, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)


def test_a_step_without_the_primary_task_moves_nothing_that_is_shared() -> None:
    """The heads of the others learn."""
    problem, weighting = Problem(3), make("pcd", 3, primary=PRIMARY)
    problem.backward(weighting, Step(tasks=(1, 2)))
    assert float(problem.update().abs().max()) == 0
    assert float(problem.private_update(1).norm()) > 0


def test_several_primary_tasks_are_one() -> None:
    """Their sum comes first."""
    j = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    two, one = make("pcd", 4, primary=["a", "b"], tau=0.5), make("pcd", 3, primary=["a"], tau=0.5)
    two.bind(list("abcd"))
    one.bind(list("acd"))
    merged = torch.cat([j[:2].sum(0, keepdim=True), j[2:]])
    torch.testing.assert_close(solve(two, j) @ j, solve(one, merged) @ merged)


def test_what_has_no_effect_without_a_primary_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"weighting\.tau=0\.5 has no effect: expected it with weighting\.primary="):
        make("pcd", 2, tau=0.5)


def test_a_name_that_is_no_task() -> None:
    """With the nearest."""
    with pytest.raises(InputError, match=r"weighting\.primary.*'sale'"):
        make("pcd", 2, primary=["sal"]).bind(["sale", "click"])
