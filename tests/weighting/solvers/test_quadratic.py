"""Quadratic programs and projections meet their optimality conditions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.weighting.solvers.quadratic import nonnegative_qp, project, project_simplex
from tests.weighting.gradients import SETTINGS, jacobians, largest


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
