"""EPO and PMGDA end at the one Pareto point that a preference asks for; their programs against all points of a grid."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mtl.testing.problem import Problem
from mtl.weighting.base import GradientWeighting
from mtl.weighting.solvers.linear import best_on_simplex, best_worst_on_simplex
from tests.weighting.problems import make

A, B = torch.tensor([0.0, 0.0]), torch.tensor([3.0, 0.0])
# On the front, the way from A to B, the squared distances are as 1 to 4 at a third
CASES = [("epo", {"preference": [0.8, 0.2]}), ("pmgda", {"preference": [0.2, 0.8]})]


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("start", [[2.5, 1.0], [-1.0, -2.0]])
def test_descent_ends_where_the_ray_meets_the_front(name: str, options: dict[str, Any], start: list[float]) -> None:
    """From either side of the ray. Squared distances from two points."""
    x = nn.Parameter(torch.tensor(start))
    weighting = make(name, 2, **options)
    for step in range(100):
        x.grad = None
        weighting.backward([(x - A).square().sum(), (x - B).square().sum()], [x], [[], []])
        with torch.no_grad():
            assert x.grad is not None
            x -= 0.3 / (1 + step / 20) * x.grad / max(float(x.grad.norm()), 1.0)
    torch.testing.assert_close(x.detach(), torch.tensor([1.0, 0.0]), rtol=0, atol=0.08)


def simplex(points: int) -> np.ndarray:
    """A grid of weights of three tasks."""
    axis = np.linspace(0, 1, points)
    return np.array([(a, b, 1 - a - b) for a in axis for b in axis if a + b <= 1 + 1e-9])


def test_programs_are_as_good_as_any_point_of_a_grid() -> None:
    """And meet their conditions; what cannot be met is None."""
    random, grid = np.random.default_rng(0), simplex(41)
    for _ in range(20):
        matrix, gain = random.normal(size=(3, 3)), random.normal(size=3)
        found = best_on_simplex(gain, matrix, np.array([-0.3, -np.inf, -0.3]))
        allowed = grid[(grid @ matrix.T)[:, [0, 2]].min(1) >= -0.3]
        assert (found is None) <= (len(allowed) == 0)
        if found is not None:
            assert (matrix @ found)[[0, 2]].min() >= -0.3 - 1e-7
            assert gain @ found >= max((allowed @ gain).tolist(), default=-np.inf) - 1e-7
        found = best_worst_on_simplex(matrix, gain, -0.5)
        allowed = grid[grid @ gain >= -0.5]
        assert (found is None) <= (len(allowed) == 0)
        if found is not None:
            assert gain @ found >= -0.5 - 1e-7
            assert (matrix @ found).min() >= max((allowed @ matrix.T).min(1).tolist(), default=-np.inf) - 1e-7


def test_epo_lets_no_preferred_loss_rise_for_balance() -> None:
    """Off balance the loss that is furthest above its share falls, in first order."""
    weighting = make("epo", 3, preference=[0.6, 0.3, 0.1])
    assert isinstance(weighting, GradientWeighting)
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        j = torch.randn(3, 8, generator=generator, dtype=torch.float64)
        losses = torch.rand(3, generator=generator, dtype=torch.float64) + 0.1
        weights = weighting(j @ j.T, losses, torch.arange(3)).double()
        worst = int((losses * torch.tensor([0.6, 0.3, 0.1])).argmax())
        assert float(weights.sum()) == pytest.approx(3)
        assert float(j[worst] @ (weights @ j)) >= -1e-6


def epo_by_hand(p: np.ndarray, losses: np.ndarray, g: np.ndarray) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """The case, what is to be as large as can be, and the conditions, rows and least products, of EPO's program."""
    share = p * losses / (p * losses).sum()
    mu = float((share * np.log(3 * share)).sum())
    gains = g @ (p * (np.log(3 * share) - mu))
    if mu <= 1e-4:
        return "balanced", g.sum(0), np.vstack([g, gains]), np.append(np.zeros(3), min(0.0, gains.max()))
    if not (gains > 0).any():
        return "none gains", gains, g, np.zeros(3)
    least = np.where(gains > 0, -np.inf, gains)
    least[(p * losses).argmax()] = 0.0
    return "off balance", gains, g, least


@pytest.mark.parametrize("size", [1.0, 300.0], ids=["alike", "of unlike lengths"])
def test_epo_is_as_good_as_any_point_of_a_grid(size: float) -> None:
    """And meets its conditions, in each of its cases."""
    random, grid, seen = np.random.default_rng(0), simplex(41), set()
    for number in range(60):
        p = random.dirichlet(np.ones(3))
        losses = random.uniform(0.99, 1.01, 3) / p if number % 3 == 0 else random.uniform(0.2, 2, 3) / p
        j = (random.normal(size=(3, 6)) + (number % 2)) * np.array([1.0, size, 1.0])[:, None]
        g = j @ j.T
        weighting = make("epo", 3, preference=p.tolist())
        assert isinstance(weighting, GradientWeighting)
        found = weighting(torch.tensor(g), torch.tensor(losses), torch.arange(3)).numpy() / 3
        case, gain, rows, least = epo_by_hand(p, losses, g)
        scale = np.sqrt((rows**2).max(1))
        allowed = grid[((grid @ rows.T - least) / scale).min(1) >= 0]
        if len(allowed):
            seen.add(case)
            assert found.sum() == pytest.approx(1)
            assert ((rows @ found - least) / scale).min() >= -1e-4
            assert gain @ found >= (allowed @ gain).max() - 1e-4 * np.abs(gain).max()
    assert seen == {"balanced", "off balance", "none gains"}


def test_pmgda_comes_nearer_to_the_ray() -> None:
    """In first order by ``sigma`` times the steepest way at least."""
    u = torch.tensor(3 * [1 / 3**0.5], dtype=torch.float64)
    weighting = make("pmgda", 3, sigma=0.9)
    for seed in range(5):
        problem = Problem(3, [1.0, 2.0, 0.5], seed=seed)
        j = problem.gradients()[0].double()
        losses = problem.current_losses().double()
        across = losses - (losses @ u) * u
        nearer = across / across.norm() @ j
        d = problem.backward(weighting).double() @ j
        assert float(nearer @ d) >= (0.9 - 1e-3) * float(nearer.norm())
