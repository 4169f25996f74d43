"""ConFIG: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.config import ConFIG
from tests.weighting.gradients import SETTINGS, jacobians, solve


@given(jacobians(independent=True))
@SETTINGS
def test_config_has_equal_cosines(j: Tensor) -> None:
    """All task gradients have the same angle to the update, whose length is the sum of the projections on it."""
    d = solve(ConFIG(len(j)), j) @ j
    cosines = (j / j.norm(dim=1, keepdim=True)) @ d / d.norm()
    torch.testing.assert_close(cosines, cosines[:1].expand_as(cosines), rtol=1e-4, atol=1e-6)
    assert float(d.norm()) == pytest.approx(float((j @ d).sum() / d.norm()), rel=1e-4)


@given(jacobians(independent=True), st.integers(0, 1000))
@SETTINGS
def test_config_has_cosines_as_preferred(j: Tensor, seed: int) -> None:
    """In the ratio of the preference."""
    p = 0.1 + torch.rand(len(j), generator=torch.Generator().manual_seed(seed), dtype=j.dtype)
    d = solve(ConFIG(len(j), preference=p.tolist()), j) @ j
    cosines = (j / j.norm(dim=1, keepdim=True)) @ d / d.norm()
    torch.testing.assert_close(cosines / cosines.sum(), p / p.sum(), rtol=1e-3, atol=1e-5)
