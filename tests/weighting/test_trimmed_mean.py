"""The trimmed mean: what holds for it alone."""

import torch

from mtl.weighting.base import DirectionWeighting
from tests.weighting.problems import make


def test_trimmed_mean_of_three_is_the_median() -> None:
    """Number by number."""
    weighting = make("trimmed_mean", 3)
    assert isinstance(weighting, DirectionWeighting)
    j = torch.tensor([[1.0, 5.0, -1.0], [2.0, -7.0, 0.0], [9.0, 1.0, 1.0]])
    assert weighting(j, torch.ones(3), torch.arange(3))[0].tolist() == [2, 1, 0]
