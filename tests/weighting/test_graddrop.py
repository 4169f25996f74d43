"""GradDrop: what holds for it alone."""

import pytest
import torch
from hypothesis import given
from torch import Tensor

from mtl.weighting.base import DirectionWeighting
from tests.weighting.gradients import SETTINGS, jacobians
from tests.weighting.problems import make


@given(jacobians())
@SETTINGS
def test_graddrop_keeps_one_sign_in_each_parameter(j: Tensor) -> None:
    """The update there is the sum of all positive or the sum of all negative gradients."""
    weighting = make("graddrop", len(j))
    assert isinstance(weighting, DirectionWeighting)
    d, _ = weighting(j.clone(), torch.ones(len(j)), torch.arange(len(j)))
    up, down = j.clamp(min=0).sum(0), j.clamp(max=0).sum(0)
    assert bool((torch.isclose(d, up) | torch.isclose(d, down)).all())


def test_graddrop_is_unbiased_in_sign() -> None:
    """A parameter with gradients 3 and -1 keeps the positive one in three of four draws."""
    weighting = make("graddrop", 2)
    assert isinstance(weighting, DirectionWeighting)
    j = torch.tensor([[3.0], [-1.0]]).expand(2, 4000)
    d, _ = weighting(j.clone(), torch.ones(2), torch.arange(2))
    assert float((d > 0).float().mean()) == pytest.approx(0.75, abs=0.03)
