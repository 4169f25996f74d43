"""What holds for every solver: it ends, and its result is finite."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.solvers.conflict_averse import conflict_averse
from mtl.weighting.solvers.impartial import equal_projections
from mtl.weighting.solvers.nash_bargaining import nash_bargaining
from mtl.weighting.solvers.quadratic import min_norm, project
from tests.weighting.gradients import SETTINGS, jacobians, largest


@given(jacobians(), st.sampled_from([0.5, 1.0, 2.0]))
@SETTINGS
def test_solvers_are_finite_whatever_comes(j: Tensor, power: float) -> None:
    """Also where the problem has no solution."""
    g = j @ j.T
    for w in (
        nash_bargaining(g, power),
        min_norm(g),
        equal_projections(g),
        conflict_averse(g, 0.4),
        project(g, torch.eye(len(j))),
    ):
        assert bool(w.isfinite().all())


def test_many_tasks() -> None:
    """Forty tasks, more than there are dimensions: conditions still hold."""
    torch.manual_seed(0)
    for dimensions in (20, 60):
        j = torch.randn(40, dimensions, dtype=torch.float64) + 0.3
        g = j @ j.T
        w = min_norm(g)
        assert float((g @ w).min()) >= float(w @ g @ w) - 1e-6 * largest(j)
        assert float((j @ (project(g, torch.full((40,), 1 / 40)) @ j)).min()) >= -1e-5 * largest(j)
        if dimensions > 40:
            v = nash_bargaining(g)
            torch.testing.assert_close((g @ v) * v, torch.ones_like(v), rtol=1e-3, atol=1e-3)
