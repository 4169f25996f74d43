"""Dynamic weight average: what holds for it alone."""

import torch

from tests.weighting.gradients import slope
from tests.weighting.problems import make


def test_dwa_weighs_by_the_last_two_epochs() -> None:
    """Ratios 1/2 and 1, temperature 2: 2 softmax(1/4, 1/2)."""
    weighting = make("dwa", 2)
    weighting.on_epoch_end(torch.tensor([1.0, 1.0]))
    assert slope(weighting, [1, 1]).tolist() == [1, 1]
    weighting.on_epoch_end(torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(slope(weighting, [1, 1]), torch.tensor([0.875647, 1.124353]))
