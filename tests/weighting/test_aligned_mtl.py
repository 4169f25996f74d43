"""Aligned-MTL: what holds for it alone."""

import torch
from hypothesis import given
from torch import Tensor

from tests.weighting.gradients import SETTINGS, jacobians, largest, solve
from tests.weighting.problems import make


@given(jacobians(independent=True))
@SETTINGS
def test_aligned_gradients_are_orthogonal_and_of_one_size(j: Tensor) -> None:
    """Weights by unit preference vectors give orthogonal updates with the length of the least singular value."""
    rows = []
    for i in range(len(j)):
        weighting = make("aligned_mtl", len(j), preference=[1.0 if k == i else 0.0 for k in range(len(j))])
        rows.append(solve(weighting, j) @ j)
    aligned = torch.stack(rows)
    least = float(torch.linalg.eigvalsh(j @ j.T)[0])
    if least > 1e-5 * largest(j):
        expected = least * torch.eye(len(j), dtype=j.dtype)
        torch.testing.assert_close(aligned @ aligned.T, expected, rtol=1e-3, atol=1e-4 * least)
