"""ExcessMTL: what holds for it alone."""

import pytest
import torch

from mtl.weighting.base import DirectionWeighting
from tests.weighting.gradients import J
from tests.weighting.problems import make


def test_excess_of_some_tasks_leaves_the_share_of_the_others() -> None:
    """Weights 1 : 2 : 3 of the three; whatever the last two do among themselves, the first has a sixth of all."""
    weighting = make("excess_mtl", 3, lr=0.5)
    assert isinstance(weighting, DirectionWeighting)
    weighting.log_weights.copy_(torch.tensor([1.0, 2.0, 3.0]).log())
    for factor in (1, 3, 1):
        weighting(torch.stack([factor * J[0], J[1]]), torch.ones(2), torch.tensor([1, 2]))
    shares = torch.softmax(weighting.log_weights, 0)
    assert float(shares[0]) == pytest.approx(1 / 6)
    assert float(shares[1]) != pytest.approx(1 / 3, rel=1e-3)
