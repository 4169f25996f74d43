"""CAGrad: what holds for it alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.cagrad import CAGrad
from mtl.weighting.solvers.conflict_averse import conflict_averse
from mtl.weighting.solvers.quadratic import min_norm
from tests.weighting.gradients import SETTINGS, jacobians, largest, solve


@given(jacobians())
@SETTINGS
def test_large_ball_of_cagrad_conflicts_with_no_task(j: Tensor) -> None:
    """From c = 1 on, some direction in the ball lowers all losses or leaves them."""
    d = solve(CAGrad(len(j), c=1.0), j) @ j
    assert float((j @ d).min()) >= -1e-4 * largest(j)


@given(jacobians(), st.floats(0, 0.99))
@SETTINGS
def test_cagrad_is_best_for_the_worst_off_in_its_ball(j: Tensor, c: float) -> None:
    """Inside the ball, and its worst improvement is the dual bound ``g_0'g_w + c |g_0| |g_w|`` at its own weights."""
    extra = conflict_averse(j @ j.T, c) - 1 / len(j)
    mean = j.mean(0)
    d = mean + extra @ j
    scale = largest(j)
    assert float((d - mean).norm()) <= c * float(mean.norm()) * (1 + 1e-5) + 1e-4 * scale**0.5
    if float(extra.sum()) > 0:
        w = extra / extra.sum()
        shortest = min_norm(j @ j.T) @ j
        if float(shortest.square().sum()) > 1e-6 * scale:
            bound = float(mean @ (w @ j) + c * mean.norm() * (w @ j).norm())
            assert float((j @ d).min()) == pytest.approx(bound, abs=1e-5 * scale)
