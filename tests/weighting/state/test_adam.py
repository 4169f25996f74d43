"""Adam of the numbers that a method moves itself, against that of PyTorch."""

import pytest
import torch

from mtl.weighting.state.adam import Adam


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_steps_are_those_of_pytorch(scale: float) -> None:
    """Up to rounding, whatever the size of the gradients."""
    gradients = scale * torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    ours, numbers = Adam(4, 0.025), torch.zeros(4)
    theirs = torch.nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.Adam([theirs], 0.025)
    for gradient in gradients:
        numbers = numbers - ours.step(gradient)
        theirs.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(numbers, theirs.detach(), rtol=1e-4, atol=1e-5)


def test_double_precision_is_kept() -> None:
    ours, theirs = Adam(2, 0.1).double(), torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = torch.optim.Adam([theirs], 0.1)
    numbers = torch.zeros(2, dtype=torch.float64)
    for gradient in torch.tensor([[1.0, -2.0], [3.0, 0.1]], dtype=torch.float64):
        numbers = numbers - ours.step(gradient)
        theirs.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(numbers, theirs.detach(), rtol=1e-13, atol=0)


def test_numbers_without_gradient_stay() -> None:
    """Their step is 0, and their moments are those of a gradient of 0."""
    some, every = Adam(3, 0.1), Adam(3, 0.1)
    gradient = torch.tensor([0.5, 0.0, -2.0])
    for _ in range(3):
        step = some.step(gradient[[0, 2]], torch.tensor([0, 2]))
        expected = every.step(gradient)
        assert step[1] == 0
        assert torch.equal(step, expected)
    some.step(gradient[:1], torch.tensor([0]))
    assert some.step(gradient[:1], torch.tensor([0]))[2] == 0
