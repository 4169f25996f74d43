"""Nash-MTL: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from torch import Tensor

from mtl.testing.problem import Problem
from mtl.weighting.base import Step
from mtl.weighting.nash_mtl import NashMTL
from tests.weighting.gradients import SETTINGS, jacobians, solve
from tests.weighting.problems import make


def test_nash_solves_as_often_as_asked() -> None:
    """With update_every=3 the weights of the first solve serve three steps."""
    weighting = make("nash_mtl", 2, update_every=3)
    parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    found = []
    for step in range(4):
        losses = [(parameter[0] - step) ** 2 + parameter[1], parameter.square().sum() + 1]
        found.append(weighting.backward(losses, [parameter], [[], []]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])


@given(jacobians(independent=True))
@SETTINGS
def test_nash_bargaining_solution_meets_its_equation(j: Tensor) -> None:
    """``G w = 1 / w``, with the length of the update cut at max_norm."""
    w = solve(NashMTL(len(j), max_norm=0), j)
    assert float(w.min()) > 0
    torch.testing.assert_close((j @ j.T @ w) * w, torch.ones_like(w), rtol=1e-3, atol=1e-3)
    assert float((w @ j).square().sum()) == pytest.approx(len(j), rel=1e-3)
    assert float((solve(NashMTL(len(j)), j) @ j).norm()) == pytest.approx(1, rel=1e-3)


def test_a_task_that_no_solve_has_looked_at_is_solved_for() -> None:
    """Where weights serve for several steps; it would have a weight that is not of the length of the others."""
    problem, weighting, anew = Problem(3, [1.0, 2.0, 0.5]), make("nash_mtl", 3, update_every=5), make("nash_mtl", 3)
    problem.backward(weighting, Step(tasks=(0, 1)))
    torch.testing.assert_close(problem.backward(weighting), problem.backward(anew))
    assert torch.equal(problem.backward(weighting), problem.backward(weighting, Step(tasks=(0, 1, 2))))
