"""What the papers claim of their methods, over constructed task gradients: conflicting, duplicated, of any rank."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.base import DirectionWeighting, GradientWeighting
from mtl.weighting.solvers.quadratic import project
from tests.weighting.gradients import SETTINGS, jacobians, largest, slope, solve
from tests.weighting.problems import make


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "mgda"])
@given(jacobians())
@SETTINGS
def test_conflicts_with_no_task(name: str, j: Tensor) -> None:
    """``Jd >= 0``: no task gradient points away from the update."""
    weighting = make(name, len(j))
    d = solve(weighting, j) @ j
    assert float((j @ d).min()) >= -1e-4 * largest(j)


@pytest.mark.parametrize("name", ["imtl_g", "config", "aligned_mtl", "nash_mtl", "fairgrad"])
@given(jacobians(independent=True))
@SETTINGS
def test_conflicts_with_no_task_when_gradients_are_independent(name: str, j: Tensor) -> None:
    """Methods that invert the Gramian claim it where there is something to invert."""
    weighting = make(name, len(j))
    d = solve(weighting, j) @ j
    if name == "imtl_g" and float((j @ d).sum()) < 0:
        d = -d  # weights have sum 1, which leaves the sign of the direction open
    assert float((j @ d).min()) >= -1e-6 * largest(j)


@given(jacobians())
@SETTINGS
def test_upgrad_leaves_gradients_that_do_not_conflict(j: Tensor) -> None:
    """Where no pair conflicts the update is the mean; so it is for the projection of the mean."""
    friendly = j.abs()
    for name in ("upgrad", "dualproj"):
        weighting = make(name, len(j))
        d = solve(weighting, friendly) @ friendly
        torch.testing.assert_close(d, friendly.mean(0), rtol=1e-5, atol=1e-5 * largest(j) ** 0.5)


@pytest.mark.parametrize("name", ["nash_mtl", "config", "imtl_g"])
@given(jacobians(independent=True))
@SETTINGS
def test_size_of_a_loss_does_not_turn_the_update(name: str, j: Tensor) -> None:
    """Multiplying losses by numbers leaves the direction as it is."""
    weighting = make(name, len(j))
    assert isinstance(weighting, GradientWeighting)
    factors = torch.logspace(-2, 2, len(j), dtype=j.dtype)[:, None]
    one, two = solve(weighting, j) @ j, solve(weighting, factors * j) @ (factors * j)
    cosine = torch.nn.functional.cosine_similarity(one, two, 0)
    assert abs(float(cosine)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["pcgrad", "gradvac"])
@given(jacobians(most=2))
@SETTINGS
def test_surgery_on_two_tasks_conflicts_with_neither(name: str, j: Tensor) -> None:
    """Each projected gradient is orthogonal to the other task's, or was never in conflict."""
    weighting = make(name, len(j))
    d = solve(weighting, j) @ j
    assert float((j @ d).min()) >= -1e-9 * largest(j)


@st.composite
def stationary(draw: st.DrawFn) -> Tensor:
    """Independent gradients and one that is the opposite of a positive combination of them: no direction lowers all."""
    j = draw(jacobians(independent=True, most=4))
    generator = torch.Generator().manual_seed(len(j))
    return torch.cat([j, -(0.2 + torch.rand(1, len(j), generator=generator, dtype=j.dtype)) @ j])


@pytest.mark.parametrize(("name", "options"), [("mgda", {}), ("upgrad", {}), ("dualproj", {}), ("cagrad", {"c": 1.0})])
@given(stationary())
@SETTINGS
def test_pareto_stationary_points_are_points_of_rest(name: str, options: dict[str, float], j: Tensor) -> None:
    """No update where none is good for all tasks."""
    weighting = make(name, len(j), **options)
    assert float((solve(weighting, j) @ j).norm()) <= 1e-3 * largest(j) ** 0.5


POSITIVE = st.lists(st.floats(0.01, 100), min_size=3, max_size=3)


@pytest.mark.parametrize("name", ["geometric_mean", "log_sum", "famo"])
@given(POSITIVE, POSITIVE)
@SETTINGS
def test_size_of_a_loss_does_not_turn_the_weighted_sum(name: str, losses: list[float], factors: list[float]) -> None:
    """Weights times factors of the multiplied losses are in the ratio of the weights of the losses themselves."""
    multiplied = [loss * factor for loss, factor in zip(losses, factors, strict=True)]
    one = slope(make(name, 3), losses)
    two = slope(make(name, 3), multiplied) * torch.tensor(factors)
    torch.testing.assert_close(two / two.sum(), one / one.sum(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("moco", {"gamma": 0.3}, 100),
        ("modo", {"gamma": 0.3}, 100),
        ("cr_mogm", {}, 100),
        ("sdmgrad", {"c": 0.0}, 12),
        ("sdmgrad", {"c": 0.5}, 12),
    ],
)
def test_weights_in_steps_arrive_at_their_minimum(name: str, options: dict[str, float], steps: int) -> None:
    """With the same gradients in every step, at the shortest vector of the hull, or at that of ``w + c p``."""
    for seed in range(5):
        j = torch.randn(3, 6, generator=torch.Generator().manual_seed(seed))
        weighting = make(name, 3, **options)
        for _ in range(steps):
            if isinstance(weighting, GradientWeighting):
                d = weighting(j @ j.T, torch.ones(3), torch.arange(3)) @ j
            else:
                assert isinstance(weighting, DirectionWeighting)
                d, _ = weighting(j.clone(), torch.ones(3), torch.arange(3))
        c = options.get("c", 0.0)
        in_hull = (1 + c) * d - c * j.mean(0)
        # No vertex of the hull lies further down the slope
        assert float((j @ d).min()) >= float(in_hull @ d) - 0.01 * largest(j)


@given(jacobians(), st.integers(0, 5))
@SETTINGS
def test_preference_for_one_task_follows_its_gradient(j: Tensor, chosen: int) -> None:
    """UPGrad and the projection of the mean give its projection onto the cone, which is never against it."""
    chosen %= len(j)
    one_hot = [float(i == chosen) for i in range(len(j))]
    expected = project(j @ j.T, torch.tensor(one_hot, dtype=j.dtype)) @ j
    for name in ("upgrad", "dualproj"):
        weighting = make(name, len(j), preference=one_hot)
        torch.testing.assert_close(solve(weighting, j) @ j, expected, rtol=1e-5, atol=1e-6 * largest(j) ** 0.5)


@given(jacobians(independent=True), st.integers(0, 1000))
@SETTINGS
def test_one_arbitrary_task_does_not_carry_away_robust_means(j: Tensor, seed: int) -> None:
    """Number by number the trimmed mean lies among the other gradients, and Krum takes one of them."""
    generator = torch.Generator().manual_seed(seed)
    honest = torch.randn(4, j.shape[1], generator=generator, dtype=j.dtype)
    rows = torch.cat([honest, 1e6 * (1 + j[:1].abs())])
    trimmed, krum = make("trimmed_mean", 5), make("krum", 5)
    assert isinstance(trimmed, DirectionWeighting)
    assert isinstance(krum, GradientWeighting)
    d, _ = trimmed(rows.clone(), torch.ones(5), torch.arange(5))
    assert bool(((d >= honest.amin(0)) & (d <= honest.amax(0))).all())
    assert float(solve(krum, rows)[4]) == 0
