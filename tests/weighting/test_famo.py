"""FAMO: what holds for it alone."""

import pytest
import torch

from tests.weighting.gradients import slope
from tests.weighting.problems import make


def test_famo_takes_weight_from_the_task_that_fell_most() -> None:
    """Adam's first step has the length of its rate."""
    weighting = make("famo", 2)
    slope(weighting, [2, 8])
    weighting.after_step(lambda: torch.tensor([1.0, 8.0]))
    torch.testing.assert_close(weighting.state_dict()["logits"], torch.tensor([-0.025, 0.025]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("normalise", ["none", "loss_scale", "gradient_norm"])
def test_famo_compares_losses_in_the_same_units(normalise: str) -> None:
    """Losses that did not change say nothing, whatever they were divided by."""
    weighting = make("famo", 2, normalise=normalise)
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    for _ in range(2):
        losses = [7 * p.square().sum(), p[0] + p[1]]
        weighting.backward(losses, [p], [[], []])
        weighting.after_step(lambda losses=losses: torch.stack(losses).detach())
    assert weighting.state_dict()["logits"].tolist() == [0, 0]
