"""MGDA: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from torch import Tensor

from mtl.weighting.base import GradientWeighting
from mtl.weighting.mgda import MGDA
from tests.weighting.gradients import SETTINGS, J, jacobians, largest, solve
from tests.weighting.problems import make


def test_mgda_measures() -> None:
    """Unit gradients of any angle are weighed alike."""
    weighting = make("mgda", 2, measure="norm")
    assert isinstance(weighting, GradientWeighting)
    torch.testing.assert_close(
        weighting(J @ J.T, torch.ones(2), torch.arange(2)), torch.tensor([0.5, 0.5], dtype=torch.float64)
    )


@given(jacobians())
@SETTINGS
def test_mgda_is_the_shortest_convex_combination(j: Tensor) -> None:
    """On the simplex, and no gradient has a smaller product with the update than the update itself."""
    w = solve(MGDA(len(j)), j)
    d = w @ j
    assert float(w.min()) >= 0
    assert float(w.sum()) == pytest.approx(1)
    assert float((j @ d).min()) >= float(d @ d) - 1e-6 * largest(j)
