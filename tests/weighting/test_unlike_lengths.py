"""What methods promise holds for gradients of very unlike length too, measured by each gradient's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.solvers.conflict_averse import conflict_averse
from mtl.weighting.solvers.quadratic import comparable, min_norm
from tests.weighting.gradients import SETTINGS, jacobians, solve
from tests.weighting.problems import make


@st.composite
def unlike(draw: st.DrawFn) -> Tensor:
    """Task gradients ``[K, P]`` whose lengths differ by up to a factor of 10 ** 8, in any order."""
    j = draw(jacobians(most=5))
    return j * torch.tensor([10.0 ** draw(st.floats(-8, 0)) for _ in j])[:, None]


def conflict(j: Tensor, d: Tensor) -> float:
    """How much a direction conflicts with the task that it conflicts with most, by the lengths of both kinds."""
    lengths = j.norm(dim=1)
    used = lengths > 0
    if not used.any():
        return 0.0
    return -float(((j @ d)[used] / lengths[used]).min() / lengths.max())


@pytest.mark.parametrize(("name", "options"), [("upgrad", {}), ("dualproj", {}), ("cagrad", {"c": 1.0})])
@given(j=unlike())
@SETTINGS
def test_conflicts_with_no_short_gradient(name: str, options: dict[str, float], j: Tensor) -> None:
    """However long the others are."""
    assert conflict(j, solve(make(name, len(j), **options), j) @ j) <= 1e-4


@given(j=unlike())
@SETTINGS
def test_least_length_is_that_of_short_gradients(j: Tensor) -> None:
    """``g_i'd >= |d|^2`` for the shortest convex combination d, and d is no longer than the shortest gradient."""
    d, lengths = min_norm(j @ j.T) @ j, j.norm(dim=1)
    rounding = 1e-9 * lengths.max()
    assert d.norm() <= lengths.min() * (1 + 1e-6) + rounding
    assert ((d @ d - j @ d) <= (lengths + rounding) * (1e-4 * lengths.min() + rounding)).all()


@pytest.mark.parametrize("ratio", [1e4, 1e6])
@pytest.mark.parametrize("c", [0.4, 0.9])
def test_cagrad_is_best_for_the_worst_off_where_its_gradient_is_short(c: float, ratio: float) -> None:
    """Its worst improvement is the dual bound ``g_0'g_w + c |g_0| |g_w|``, and it is at the ball's surface."""
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        j = torch.randn(3, 12, generator=generator, dtype=torch.float64)
        j *= torch.tensor([1.0, ratio**-0.5, 1 / ratio])[:, None]
        extra, mean = conflict_averse(j @ j.T, c) - 1 / 3, j.mean(0)
        d, w = mean + extra @ j, extra / extra.sum()
        assert float((d - mean).norm()) == pytest.approx(c * float(mean.norm()), rel=1e-6)
        bound = float(mean @ (w @ j) + c * mean.norm() * (w @ j).norm())
        assert float((j @ d).min()) == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize("ratio", [1e3, 1e5])
def test_epo_lets_no_short_gradient_rise_beyond_what_balance_asks(ratio: float) -> None:
    """``(Gw)_j >= min((Ga)_j, 0)``, and at least 0 for the largest loss."""
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        j = torch.randn(3, 12, generator=generator, dtype=torch.float64)
        j *= torch.tensor([1.0, 1 / ratio, ratio**-0.5])[:, None]
        losses = torch.rand(3, generator=generator, dtype=torch.float64)
        relative = losses / losses.mean()
        logarithms = relative.clamp(min=1e-3).log()
        gains = j @ (((logarithms - (relative * logarithms).mean()) / 3) @ j)
        least = torch.where(gains > 0, -torch.inf, gains) if (gains > 0).any() else torch.zeros(3)
        least[losses.argmax()] = 0.0
        weighting = make("epo", 3)
        d = weighting(j @ j.T, losses, torch.arange(3)).double() @ j / 3
        assert (j @ d - least >= -1e-6 * j.norm(dim=1) * d.norm()).all()


def test_gradients_of_like_length_have_one_unit() -> None:
    """So that nothing is computed otherwise where it does not matter; zero gradients have that of the shortest."""
    _, units = comparable(np.diag([1.0, 0.01, 4.0]))
    assert units.tolist() == [1.0, 1.0, 1.0]
    _, units = comparable(np.diag([4.0**3, 0.0, 4.0**-5]))
    assert units.tolist() == [1.0, 2.0**-8, 2.0**-8]
    _, units = comparable(np.zeros((2, 2)))
    assert units.tolist() == [1.0, 1.0]
