"""Shares of held-out gradients beside a constraint: the least of what they minimise."""

import numpy as np
import pytest

from mtl.weighting.solvers.bilevel import shares_beside_constraint


def objective(shares: np.ndarray, rows: np.ndarray, q: np.ndarray, rho: float) -> np.ndarray:
    """``|sum_i l_i F_i + nu q|^2 - rho nu |q|^2`` of many l ``[N, M]``, nu being the least that is allowed."""
    square = q @ q
    nu = np.maximum(shares @ (rho - rows @ q / square), 0.0)
    return ((shares @ rows + nu[:, None] * q) ** 2).sum(1) - rho * nu * square


@pytest.mark.parametrize("rho", [0.01, 0.1, 2.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("rank", [1, 2, 6])
def test_no_other_shares_are_better(rho: float, size: float, rank: int) -> None:
    """Also where gradients depend on one another, and whether the constraint binds or not."""
    draw = np.random.default_rng(0)
    for count in (1, 2, 4):
        rows = draw.normal(size=(count, rank)) @ draw.normal(size=(rank, 8))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        q = size * (rows.sum(0) + 0.3 * draw.normal(size=8))
        found = shares_beside_constraint(rows @ rows.T, rows @ q, float(q @ q), rho)
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1)
        others = np.concatenate([np.eye(count), draw.dirichlet(np.ones(count), 3000)])
        best = objective(others, rows, q, rho).min()
        reached = float(objective(found[None], rows, q, rho)[0])
        assert reached <= best + 1e-6 * max(1.0, abs(best))
