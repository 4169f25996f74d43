"""Task gradients to test methods with: one pair for values by hand, and random ones for properties."""

import math
from collections.abc import Sequence

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.base import GradientWeighting, Weighting

SETTINGS = settings(max_examples=40)

# G = [[4, -2], [-2, 2]]: the mean is (1/2, 1/2, 0), lengths are 2 and sqrt 2, and the angle is 135 degrees
J = torch.tensor([[2.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
ROOT = math.sqrt(2)


@st.composite
def jacobians(draw: st.DrawFn, independent: bool = False, most: int = 6) -> Tensor:
    """Task gradients ``[K, P]`` in double precision: Gaussian, of chosen rank, some duplicated, opposed or zero."""
    tasks = draw(st.integers(1, most))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    size = 10.0 ** draw(st.integers(-4, 4))
    j = torch.randn(tasks, tasks + 3, generator=generator, dtype=torch.float64)
    if independent:
        return j * size
    rank = draw(st.integers(1, tasks))
    j = torch.randn(tasks, rank, generator=generator, dtype=torch.float64) @ j[:rank]
    for i in range(1, tasks):
        kind = draw(st.sampled_from(["keep", "keep", "keep", "duplicate", "oppose", "zero"]))
        if kind != "keep":
            j[i] = {"duplicate": 1.0, "oppose": -1.0, "zero": 0.0}[kind] * j[0]
    return j * size


def solve(weighting: Weighting, j: Tensor) -> Tensor:
    """Weights ``[K]`` of a method that looks at the Gramian alone."""
    assert isinstance(weighting, GradientWeighting)
    return weighting(j @ j.T, torch.ones(len(j), dtype=j.dtype), torch.arange(len(j))).double()


def largest(j: Tensor) -> float:
    """Squared length of the longest gradient."""
    return max(float(j.square().sum(1).max()), 1e-300)


def slope(weighting: Weighting, losses: Sequence[float]) -> Tensor:
    """Derivatives ``[K]`` of the objective of a method that looks at losses alone."""
    values = torch.tensor(losses, dtype=torch.float32, requires_grad=True)
    (found,) = torch.autograd.grad(weighting(values, torch.arange(len(losses))), values)
    return found
