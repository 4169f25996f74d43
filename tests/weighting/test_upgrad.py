"""UPGrad: what holds for it alone."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.weighting.gradients import SETTINGS, jacobians, largest, solve
from tests.weighting.problems import make


@given(jacobians(independent=True), st.integers(0, 1000))
@SETTINGS
def test_upgrad_is_linear_in_the_sizes_of_the_gradients(j: Tensor, seed: int) -> None:
    """The update for the sum of two size vectors is the sum of the updates; the Pareto order of tasks is kept."""
    generator = torch.Generator().manual_seed(seed)
    one, two = 0.1 + torch.rand(2, len(j), 1, generator=generator, dtype=j.dtype)
    weighting = make("upgrad", len(j))
    of_sum, of_first = ((solve(weighting, size * j) @ (size * j)) for size in (one + two, one))
    of_second = solve(weighting, two * j) @ (two * j)
    torch.testing.assert_close(of_sum, of_first + of_second, rtol=1e-4, atol=1e-4 * largest(j) ** 0.5)
