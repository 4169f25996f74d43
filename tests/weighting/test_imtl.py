"""IMTL: what holds for it alone."""

import torch

from mtl.weighting.base import GradientWeighting
from tests.weighting.gradients import ROOT, J
from tests.weighting.problems import make


def test_imtl_scales_losses_before_it_balances_gradients() -> None:
    """Losses 2 and 1/2 ask for slopes 1 and -1/2: s becomes (-0.01, 0.005). The combination of the scaled gradients has
    weights in the ratio of the inverse lengths, and sum 1; heads get their scaled loss.
    """
    weighting = make("imtl", 2)
    assert isinstance(weighting, GradientWeighting)
    scale = torch.tensor([-0.01, 0.005]).exp()
    weights = weighting(J @ J.T, torch.tensor([2.0, 0.5]), torch.arange(2)).float()
    shares = 1 / torch.tensor([2.0, ROOT])
    torch.testing.assert_close(weights, shares / (shares / scale).sum())
    torch.testing.assert_close(weighting.private_factors(weights, torch.arange(2)), scale)
