"""GradNorm: what holds for it alone."""

import torch

from mtl.weighting.base import GradientWeighting
from tests.weighting.gradients import ROOT, J
from tests.weighting.problems import make


def test_gradnorm_moves_weights_towards_a_common_pace() -> None:
    """Norms 2 and sqrt 2, mean 1.7071. Both are further than 0.1 (in logarithms) from it: weight 1 falls and weight 2
    rises by the factor ``exp(0.1)``, then both are divided by their sum, times 2: (0.9003, 1.0997).

    In the second step loss 1 has halved: r = (2/3, 4/3). The norms, 1.8007 and 1.5552 of mean 1.6779, have the targets
    1.1186 and 2.2372, again further than 0.1.
    """
    weighting = make("gradnorm", 2, alpha=1.0, lr=0.1)
    assert isinstance(weighting, GradientWeighting)
    numbers, half = torch.arange(2), torch.tensor([0.5, 1.0])
    assert weighting(J @ J.T, torch.tensor([1.0, 1.0]), numbers).tolist() == [1, 1]
    first = weighting(J @ J.T, half, numbers)
    torch.testing.assert_close(first, torch.tensor([0.900332, 1.099668]))
    second = weighting(J @ J.T, half, numbers)
    torch.testing.assert_close(second, torch.tensor([0.802625, 1.197375]))


def test_gradnorm_arrives_at_equal_norms() -> None:
    """With alpha 0, weights in the ratio of the inverse norms, 1 to sqrt 2, and they stay there."""
    weighting = make("gradnorm", 2, alpha=0.0, lr=0.1)
    assert isinstance(weighting, GradientWeighting)
    for _ in range(20):
        weights = weighting(J @ J.T, torch.ones(2), torch.arange(2))
    torch.testing.assert_close(weights, 2 / (1 + ROOT) * torch.tensor([1, ROOT]), rtol=1e-4, atol=1e-4)
