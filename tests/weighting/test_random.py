"""Random weights: what holds for them alone."""

import pytest
import torch

from tests.weighting.gradients import slope
from tests.weighting.problems import make


@pytest.mark.parametrize("distribution", ["normal", "dirichlet"])
def test_random_weights(distribution: str) -> None:
    """Positive, of sum 1, new in every step, and 1/K on average."""
    weighting = make("random", 4, distribution=distribution)
    drawn = torch.stack([slope(weighting, [1, 1, 1, 1]) for _ in range(400)])
    assert float(drawn.min()) > 0
    torch.testing.assert_close(drawn.sum(1), torch.ones(400))
    torch.testing.assert_close(drawn.mean(0), torch.full((4,), 0.25), rtol=0, atol=0.04)
    assert float(drawn.std(0).min()) > 0.1
