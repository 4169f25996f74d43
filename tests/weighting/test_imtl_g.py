"""IMTL-G: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from torch import Tensor

from mtl.weighting.imtl_g import IMTLG
from tests.weighting.gradients import SETTINGS, jacobians, largest, solve


@given(jacobians(independent=True))
@SETTINGS
def test_imtl_g_projects_alike(j: Tensor) -> None:
    """Unit gradients have the same product with the update, and weights the sum 1."""
    w = solve(IMTLG(len(j)), j)
    products = (j / j.norm(dim=1, keepdim=True)) @ (w @ j)
    assert float(w.sum()) == pytest.approx(1)
    torch.testing.assert_close(products, products[:1].expand_as(products), rtol=1e-4, atol=1e-6 * largest(j) ** 0.5)
