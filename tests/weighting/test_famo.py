"""FAMO: what holds for it alone."""

import numpy as np
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


def test_famo_moves_its_weights_as_the_formula_says() -> None:
    """Written out in NumPy, with PyTorch's Adam; of a task that a step lacks nothing moves."""
    random, lr, decay = np.random.default_rng(0), 0.1, 0.05
    weighting = make("famo", 3, lr=lr, decay=decay)
    xi = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    adam = torch.optim.Adam([xi], lr)
    for number in range(8):
        tasks = [0, 2] if number == 4 else [0, 1, 2]
        before, after = random.uniform(0.5, 4, 3), random.uniform(0.2, 3, 3)
        z = np.exp(xi.detach().numpy()[tasks])
        z /= z.sum()
        losses = torch.tensor(before[tasks]).float().requires_grad_()
        (weights,) = torch.autograd.grad(weighting(losses, torch.tensor(tasks)), losses)
        expected = z / before[tasks] / (z / before[tasks]).sum()
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-4)
        weighting.after_step(lambda after=after: torch.tensor(after).float())
        fall = np.log(before[tasks]) - np.log(after[tasks])
        slope_of_softmax = (np.diag(z) - np.outer(z, z)) @ fall
        kept = xi.detach().clone()
        xi.grad = torch.zeros(3, dtype=torch.float64)
        xi.grad[tasks] = torch.tensor(slope_of_softmax) + decay * kept[tasks]
        adam.step()
        with torch.no_grad():
            lacking = [i for i in range(3) if i not in tasks]
            xi[lacking] = kept[lacking]
