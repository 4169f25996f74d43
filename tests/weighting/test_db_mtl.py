"""DB-MTL: what holds for it alone."""

import torch
from hypothesis import given
from torch import Tensor

from mtl.weighting.base import DirectionWeighting
from tests.weighting.gradients import SETTINGS, jacobians, largest
from tests.weighting.problems import make


@given(jacobians(independent=True))
@SETTINGS
def test_size_of_a_loss_is_nothing_to_dual_balancing(j: Tensor) -> None:
    """Losses and gradients multiplied together give the same update."""
    updates = []
    for factors in (torch.ones(len(j), 1), torch.logspace(-2, 2, len(j))[:, None]):
        weighting = make("db_mtl", len(j))
        assert isinstance(weighting, DirectionWeighting)
        direction, _ = weighting((factors * j).float(), 3 * factors[:, 0], torch.arange(len(j)))
        updates.append(direction)
    torch.testing.assert_close(updates[1], updates[0], rtol=1e-3, atol=1e-4 * largest(j) ** 0.5)
