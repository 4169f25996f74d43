"""What the papers claim of their methods, over constructed task gradients: conflicting, duplicated, of any rank."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting
from mtl.weighting.cagrad import CAGrad
from mtl.weighting.config import ConFIG
from mtl.weighting.fairgrad import FairGrad
from mtl.weighting.imtl_g import IMTLG
from mtl.weighting.mgda import MGDA
from mtl.weighting.nash_mtl import NashMTL
from mtl.weighting.solvers.conflict_averse import conflict_averse
from mtl.weighting.solvers.impartial import equal_projections
from mtl.weighting.solvers.nash_bargaining import nash_bargaining
from mtl.weighting.solvers.quadratic import min_norm, nonnegative_qp, project, project_simplex
from tests.weighting.problems import make

SETTINGS = settings(max_examples=40)


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


def solve(weighting: GradientWeighting, j: Tensor) -> Tensor:
    """Weights of a method that looks at the Gramian alone."""
    return weighting(j @ j.T, torch.ones(len(j), dtype=j.dtype), torch.arange(len(j))).double()


def largest(j: Tensor) -> float:
    """Squared length of the longest gradient."""
    return max(float(j.square().sum(1).max()), 1e-300)


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "mgda"])
@given(jacobians())
@SETTINGS
def test_conflicts_with_no_task(name: str, j: Tensor) -> None:
    """``Jd >= 0``: no task gradient points away from the update."""
    weighting = make(name, len(j))
    assert isinstance(weighting, GradientWeighting)
    d = solve(weighting, j) @ j
    assert float((j @ d).min()) >= -1e-4 * largest(j)


@pytest.mark.parametrize("name", ["imtl_g", "config", "aligned_mtl", "nash_mtl", "fairgrad"])
@given(jacobians(independent=True))
@SETTINGS
def test_conflicts_with_no_task_when_gradients_are_independent(name: str, j: Tensor) -> None:
    """Methods that invert the Gramian claim it where there is something to invert."""
    weighting = make(name, len(j))
    assert isinstance(weighting, GradientWeighting)
    d = solve(weighting, j) @ j
    if name == "imtl_g" and float((j @ d).sum()) < 0:
        d = -d  # weights have sum 1, which leaves the sign of the direction open
    assert float((j @ d).min()) >= -1e-6 * largest(j)


@given(jacobians())
@SETTINGS
def test_large_ball_of_cagrad_conflicts_with_no_task(j: Tensor) -> None:
    """From c = 1 on, some direction in the ball lowers all losses or leaves them."""
    d = solve(CAGrad(len(j), c=1.0), j) @ j
    assert float((j @ d).min()) >= -1e-4 * largest(j)


@given(jacobians())
@SETTINGS
def test_mgda_is_the_shortest_convex_combination(j: Tensor) -> None:
    """On the simplex, and no gradient has a smaller product with the update than the update itself."""
    w = solve(MGDA(len(j)), j)
    d = w @ j
    assert float(w.min()) >= 0
    assert float(w.sum()) == pytest.approx(1)
    assert float((j @ d).min()) >= float(d @ d) - 1e-6 * largest(j)


@given(jacobians(independent=True))
@SETTINGS
def test_imtl_g_projects_alike(j: Tensor) -> None:
    """Unit gradients have the same product with the update, and weights the sum 1."""
    w = solve(IMTLG(len(j)), j)
    products = (j / j.norm(dim=1, keepdim=True)) @ (w @ j)
    assert float(w.sum()) == pytest.approx(1)
    torch.testing.assert_close(products, products[:1].expand_as(products), rtol=1e-4, atol=1e-6 * largest(j) ** 0.5)


@given(jacobians(independent=True))
@SETTINGS
def test_nash_bargain_is_struck(j: Tensor) -> None:
    """``G w = 1 / w``, with the length of the update cut at max_norm."""
    w = solve(NashMTL(len(j), max_norm=0), j)
    assert float(w.min()) > 0
    torch.testing.assert_close((j @ j.T @ w) * w, torch.ones_like(w), rtol=1e-3, atol=1e-3)
    assert float((w @ j).square().sum()) == pytest.approx(len(j), rel=1e-3)
    assert float((solve(NashMTL(len(j)), j) @ j).norm()) == pytest.approx(1, rel=1e-3)


@given(jacobians(independent=True), st.floats(0.3, 5))
@SETTINGS
def test_fairgrad_shares_fairly(j: Tensor, alpha: float) -> None:
    """``(Gw)^alpha w = 1``."""
    w = solve(FairGrad(len(j), alpha=alpha), j)
    assert float(w.min()) > 0
    torch.testing.assert_close((j @ j.T @ w).log() * alpha + w.log(), torch.zeros_like(w), rtol=0, atol=2e-3)


@given(jacobians(independent=True))
@SETTINGS
def test_config_has_equal_cosines(j: Tensor) -> None:
    """All task gradients have the same angle to the update, whose length is the sum of the projections on it."""
    d = solve(ConFIG(len(j)), j) @ j
    cosines = (j / j.norm(dim=1, keepdim=True)) @ d / d.norm()
    torch.testing.assert_close(cosines, cosines[:1].expand_as(cosines), rtol=1e-4, atol=1e-6)
    assert float(d.norm()) == pytest.approx(float((j @ d).sum() / d.norm()), rel=1e-4)


@given(jacobians(), st.floats(0, 0.99))
@SETTINGS
def test_cagrad_is_best_for_the_worst_off_in_its_ball(j: Tensor, c: float) -> None:
    """Inside the ball, and its worst improvement is the dual bound ``g_0'g_w + c |g_0| |g_w|`` at its own weights."""
    extra = conflict_averse(j @ j.T, c) - 1 / len(j)
    mean = j.mean(0)
    d = mean + extra @ j
    scale = largest(j)
    assert float((d - mean).norm()) <= c * float(mean.norm()) * (1 + 1e-5) + 1e-4 * scale**0.5
    if float(extra.sum()) > 0:
        w = extra / extra.sum()
        shortest = min_norm(j @ j.T) @ j
        if float(shortest.square().sum()) > 1e-6 * scale:
            bound = float(mean @ (w @ j) + c * mean.norm() * (w @ j).norm())
            assert float((j @ d).min()) == pytest.approx(bound, abs=1e-5 * scale)


@given(jacobians(independent=True))
@SETTINGS
def test_aligned_gradients_are_orthogonal_and_of_one_size(j: Tensor) -> None:
    """Weights by unit preference vectors give orthogonal updates with the length of the least singular value."""
    rows = []
    for i in range(len(j)):
        weighting = make("aligned_mtl", len(j), preference=[1.0 if k == i else 0.0 for k in range(len(j))])
        assert isinstance(weighting, GradientWeighting)
        rows.append(solve(weighting, j) @ j)
    aligned = torch.stack(rows)
    least = float(torch.linalg.eigvalsh(j @ j.T)[0])
    if least > 1e-5 * largest(j):
        expected = least * torch.eye(len(j), dtype=j.dtype)
        torch.testing.assert_close(aligned @ aligned.T, expected, rtol=1e-3, atol=1e-4 * least)


@given(jacobians())
@SETTINGS
def test_upgrad_leaves_gradients_that_do_not_conflict(j: Tensor) -> None:
    """Where no pair conflicts the update is the mean; so it is for the projection of the mean."""
    friendly = j.abs()
    for name in ("upgrad", "dualproj"):
        weighting = make(name, len(j))
        assert isinstance(weighting, GradientWeighting)
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
    assert isinstance(weighting, GradientWeighting)
    d = solve(weighting, j) @ j
    assert float((j @ d).min()) >= -1e-9 * largest(j)


@given(jacobians())
@SETTINGS
def test_graddrop_keeps_one_sign_in_each_parameter(j: Tensor) -> None:
    """The update there is the sum of all positive or the sum of all negative gradients."""
    weighting = make("graddrop", len(j))
    assert isinstance(weighting, DirectionWeighting)
    d, _ = weighting(j.clone(), torch.ones(len(j)), torch.arange(len(j)))
    up, down = j.clamp(min=0).sum(0), j.clamp(max=0).sum(0)
    assert bool((torch.isclose(d, up) | torch.isclose(d, down)).all())


def test_graddrop_is_unbiased_in_sign() -> None:
    """A parameter with gradients 3 and -1 keeps the positive one in three of four draws."""
    weighting = make("graddrop", 2)
    assert isinstance(weighting, DirectionWeighting)
    j = torch.tensor([[3.0], [-1.0]]).expand(2, 4000)
    d, _ = weighting(j.clone(), torch.ones(2), torch.arange(2))
    assert float((d > 0).float().mean()) == pytest.approx(0.75, abs=0.03)


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
    assert isinstance(weighting, GradientWeighting)
    assert float((solve(weighting, j) @ j).norm()) <= 1e-3 * largest(j) ** 0.5


@given(jacobians(independent=True), st.integers(0, 1000))
@SETTINGS
def test_upgrad_is_linear_in_the_sizes_of_the_gradients(j: Tensor, seed: int) -> None:
    """The update for the sum of two size vectors is the sum of the updates; the Pareto order of tasks is kept."""
    generator = torch.Generator().manual_seed(seed)
    one, two = 0.1 + torch.rand(2, len(j), 1, generator=generator, dtype=j.dtype)
    weighting = make("upgrad", len(j))
    assert isinstance(weighting, GradientWeighting)
    together, apart = ((solve(weighting, size * j) @ (size * j)) for size in (one + two, one))
    rest = solve(weighting, two * j) @ (two * j)
    torch.testing.assert_close(together, apart + rest, rtol=1e-4, atol=1e-4 * largest(j) ** 0.5)


POSITIVE = st.lists(st.floats(0.01, 100), min_size=3, max_size=3)


@pytest.mark.parametrize("name", ["geometric_mean", "log_sum", "famo"])
@given(POSITIVE, POSITIVE)
@SETTINGS
def test_size_of_a_loss_does_not_turn_the_weighted_sum(name: str, losses: list[float], factors: list[float]) -> None:
    """Weights times factors of the multiplied losses are in the ratio of the weights of the losses themselves."""
    one = slope(name, torch.tensor(losses))
    two = slope(name, torch.tensor(losses) * torch.tensor(factors)) * torch.tensor(factors)
    torch.testing.assert_close(two / two.sum(), one / one.sum(), rtol=1e-4, atol=1e-6)


def slope(name: str, losses: Tensor) -> Tensor:
    """Derivatives of a new method's objective."""
    weighting = make(name, len(losses))
    assert isinstance(weighting, LossWeighting)
    losses = losses.clone().requires_grad_()
    (found,) = torch.autograd.grad(weighting(losses, torch.arange(len(losses))), losses)
    return found


@given(jacobians(independent=True))
@SETTINGS
def test_size_of_a_loss_is_nothing_to_dual_balancing(j: Tensor) -> None:
    """Losses and gradients multiplied together give the same update."""
    updates = []
    for factors in (torch.ones(len(j), 1), torch.logspace(-2, 2, len(j))[:, None]):
        weighting = make("db_mtl", len(j))
        assert isinstance(weighting, DirectionWeighting)
        direction, _ = weighting((factors * j).float(), 3 * factors[:, 0], torch.arange(len(j)))
        updates.append(direction)
    torch.testing.assert_close(updates[1], updates[0], rtol=1e-3, atol=1e-4 * largest(j) ** 0.5)


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


@given(jacobians(independent=True), st.integers(0, 1000))
@SETTINGS
def test_config_has_cosines_as_preferred(j: Tensor, seed: int) -> None:
    """In the ratio of the preference."""
    p = 0.1 + torch.rand(len(j), generator=torch.Generator().manual_seed(seed), dtype=j.dtype)
    d = solve(ConFIG(len(j), preference=p.tolist()), j) @ j
    cosines = (j / j.norm(dim=1, keepdim=True)) @ d / d.norm()
    torch.testing.assert_close(cosines / cosines.sum(), p / p.sum(), rtol=1e-3, atol=1e-5)


@given(jacobians(), st.integers(0, 5))
@SETTINGS
def test_preference_for_one_task_follows_its_gradient(j: Tensor, chosen: int) -> None:
    """UPGrad and the projection of the mean give its projection onto the cone, which is never against it."""
    chosen %= len(j)
    alone = [float(i == chosen) for i in range(len(j))]
    expected = project(j @ j.T, torch.tensor(alone, dtype=j.dtype)) @ j
    for name in ("upgrad", "dualproj"):
        weighting = make(name, len(j), preference=alone)
        assert isinstance(weighting, GradientWeighting)
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


@given(st.integers(1, 7), st.integers(0, 10_000))
@SETTINGS
def test_nonnegative_qp_meets_its_conditions(size: int, seed: int) -> None:
    """``x >= 0``, slope ``>= 0``, and one of them 0 everywhere."""
    random = np.random.default_rng(seed)
    root = random.standard_normal((size, size))
    quadratic, linear = root @ root.T + 0.01 * np.eye(size), random.standard_normal(size)
    x = nonnegative_qp(quadratic, linear)
    slope = quadratic @ x + linear
    assert x.min() >= 0
    assert slope.min() >= -1e-7
    assert np.abs(x * slope).max() <= 1e-6


@given(st.integers(1, 7), st.integers(0, 10_000))
@SETTINGS
def test_projection_onto_the_simplex(size: int, seed: int) -> None:
    """On the simplex, and at right angles: no vertex is further in the direction of the point that was projected."""
    values = 3 * np.random.default_rng(seed).standard_normal(size)
    x = project_simplex(values)
    assert x.min() >= 0
    assert x.sum() == pytest.approx(1)
    assert ((values - x) <= (values - x) @ x + 1e-9).all()


@given(jacobians(), st.integers(0, 1000))
@SETTINGS
def test_projection_onto_the_cone(j: Tensor, seed: int) -> None:
    """In the cone; what was added is at right angles to the result."""
    w = torch.randn(len(j), generator=torch.Generator().manual_seed(seed), dtype=j.dtype)
    v = project(j @ j.T, w)
    d, added = v @ j, (v - w) @ j
    scale = largest(j)
    assert float((v - w).min()) >= -1e-9
    assert float((j @ d).min()) >= -1e-4 * scale
    assert abs(float(added @ d)) <= 1e-3 * scale


@given(jacobians(), st.sampled_from([0.5, 1.0, 2.0]))
@SETTINGS
def test_solvers_are_finite_whatever_comes(j: Tensor, power: float) -> None:
    """Also where the problem has no solution."""
    g = j @ j.T
    for w in (
        nash_bargaining(g, power),
        min_norm(g),
        equal_projections(g),
        conflict_averse(g, 0.4),
        project(g, torch.eye(len(j))),
    ):
        assert bool(w.isfinite().all())


def test_many_tasks() -> None:
    """Forty tasks, more than there are dimensions: conditions still hold."""
    torch.manual_seed(0)
    for dimensions in (20, 60):
        j = torch.randn(40, dimensions, dtype=torch.float64) + 0.3
        g = j @ j.T
        w = min_norm(g)
        assert float((g @ w).min()) >= float(w @ g @ w) - 1e-6 * largest(j)
        assert float((j @ (project(g, torch.full((40,), 1 / 40)) @ j)).min()) >= -1e-5 * largest(j)
        if dimensions > 40:
            v = nash_bargaining(g)
            torch.testing.assert_close((g @ v) * v, torch.ones_like(v), rtol=1e-3, atol=1e-3)
