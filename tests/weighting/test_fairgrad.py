"""FairGrad: what holds for it alone."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.fairgrad import FairGrad
from tests.weighting.gradients import SETTINGS, jacobians, solve


@given(jacobians(independent=True), st.floats(0.3, 5))
@SETTINGS
def test_fairgrad_shares_fairly(j: Tensor, alpha: float) -> None:
    """``(Gw)^alpha w = 1``."""
    w = solve(FairGrad(len(j), alpha=alpha), j)
    assert float(w.min()) > 0
    torch.testing.assert_close((j @ j.T @ w).log() * alpha + w.log(), torch.zeros_like(w), rtol=0, atol=2e-3)
