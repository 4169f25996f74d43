"""Krum: what holds for it alone."""

import torch

from mtl.weighting.base import GradientWeighting
from tests.weighting.problems import make


def test_krum_ignores_the_outlier() -> None:
    """Four gradients in a row and one far away: squared distances to two neighbours are least for the second, 0.05."""
    weighting = make("krum", 5)
    assert isinstance(weighting, GradientWeighting)
    j = torch.tensor([[1.0, 0.0], [1.1, 0.0], [1.3, 0.0], [1.6, 0.0], [-9.0, 9.0]], dtype=torch.float64)
    assert weighting(j @ j.T, torch.ones(5), torch.arange(5)).tolist() == [0, 1, 0, 0, 0]
