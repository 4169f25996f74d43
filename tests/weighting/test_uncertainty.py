"""Uncertainty weighting: what holds for it alone."""

import math

import pytest
import torch

from mtl.weighting.base import LossWeighting
from tests.weighting.problems import make


@pytest.mark.parametrize(
    ("regulariser", "price", "descent"),
    [("kendall", 0.5 * math.log(4), [-0.5, -0.5]), ("liebel", math.log(2) + math.log(5), [-0.5, -0.2])],
)
def test_uncertainty_learns_the_noise(regulariser: str, price: float, descent: list[float]) -> None:
    """``s = (0, log 4)``, ``L = (2, 8)``: 1/2 * 2 + 1/8 * 8 and the price of s; its derivatives are r'(s) - 1."""
    weighting = make("uncertainty", 2, regulariser=regulariser)
    assert isinstance(weighting, LossWeighting)
    with torch.no_grad():
        next(weighting.parameters()).copy_(torch.tensor([0.0, math.log(4)]))
    objective = weighting(torch.tensor([2.0, 8.0]), torch.arange(2))
    assert objective.item() == pytest.approx(2 + price)
    objective.backward()
    torch.testing.assert_close(next(weighting.parameters()).grad, torch.tensor(descent))
