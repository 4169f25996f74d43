"""Equal weights: what holds for them alone."""

import torch

from mtl.testing.problem import Problem
from tests.weighting.problems import make


def test_equal_is_the_plain_sum() -> None:
    """Bit for bit what PyTorch alone does."""
    problem = Problem(3)
    problem.backward(make("equal", 3))
    found = [p.grad.clone() for p in problem.parameters if p.grad is not None]
    problem.clear()
    sum(problem.forward()[0]).backward()  # type: ignore[union-attr]
    assert all(torch.equal(a, p.grad) for a, p in zip(found, problem.parameters, strict=True) if p.grad is not None)
    assert len(found) == len(problem.parameters)
