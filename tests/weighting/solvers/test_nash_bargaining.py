"""The Nash bargaining solution: its equation, also where Newton's steps are too long, and tasks without gradient."""

import pytest
import torch

from mtl.weighting.nash_mtl import NashMTL
from mtl.weighting.solvers.nash_bargaining import RIDGE, nash_bargaining
from tests.weighting.gradients import solve


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("case", ["unlike", "opposed", "alike"])
def test_the_equation_is_met(case: str, power: float) -> None:
    """``(G w)_i w_i^p = 1`` with the ridge on G, for gradients of unlike length, and for nearly dependent ones."""
    for seed in range(20):
        torch.manual_seed(seed)
        j = torch.randn(4, 6, dtype=torch.float64)
        if case == "unlike":
            j *= torch.tensor([1e-2, 1.0, 10.0, 1e2], dtype=torch.float64)[:, None]
        else:
            j[1:] = 1e-2 * j[1:] + (j[0] if case == "alike" else -j[0])
        g = j @ j.T
        w = nash_bargaining(g, power)
        met = ((g + RIDGE * torch.diag(g.diagonal())) @ w) * w**power
        assert float(w.min()) > 0
        torch.testing.assert_close(met, torch.ones_like(met), rtol=1e-3, atol=0)


def test_a_task_without_gradient_gets_the_mean_of_the_others() -> None:
    """Which have the solution among themselves; where no task has one, all are alike."""
    torch.manual_seed(0)
    j = torch.randn(3, 5, dtype=torch.float64)
    others = nash_bargaining(j[:2] @ j[:2].T)
    j = torch.stack([j[0], torch.zeros(5), j[1]])
    expected = torch.stack([others[0], others.mean(), others[1]])
    torch.testing.assert_close(nash_bargaining(j @ j.T), expected)
    assert nash_bargaining(torch.zeros(3, 3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("most", "length"), [(0.5, 0.5), (1.5, 1.5), (5.0, 3**0.5)])
def test_only_longer_updates_are_cut(most: float, length: float) -> None:
    """To the largest length; before that it is the root of the number of tasks."""
    torch.manual_seed(0)
    j = torch.randn(3, 5, dtype=torch.float64)
    w = solve(NashMTL(3, max_norm=most), j)
    torch.testing.assert_close(float((w @ j).norm()), length, rtol=1e-4, atol=0)
    ratio = w / nash_bargaining(j @ j.T)
    torch.testing.assert_close(ratio, ratio.mean().expand(3))
