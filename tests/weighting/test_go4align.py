"""GO4Align: clusters against all divisions, weights against the formulas written out."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.weighting.solvers.clusters import means_of_clusters
from tests.weighting.gradients import SETTINGS, slope
from tests.weighting.problems import make


def spread(values: np.ndarray, means: np.ndarray) -> float:
    """Sum of squared distances."""
    return float(((values - means) ** 2).sum())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.integers(1, 4))
@SETTINGS
def test_clusters_are_the_best_of_all_divisions(values: list[float], groups: int) -> None:
    """Also of those that are no intervals."""
    given_values = np.array(values)
    found = means_of_clusters(given_values, groups)
    best = np.inf
    for labels in product(range(groups), repeat=len(values)):
        chosen = np.array(labels)
        means = np.array([given_values[chosen == label].mean() for label in labels])
        best = min(best, spread(given_values, means))
    assert spread(given_values, found) == pytest.approx(best, rel=1e-9, abs=1e-7)
    assert len({round(one, 9) for one in found.tolist()}) <= groups


def test_weights_are_those_of_the_formulas() -> None:
    """Over steps, in which the remembered risks move."""
    weighting = make("go4align", 4, groups=2, rate=0.3)
    q = np.full(4, 0.25)
    for step in range(4):
        losses = np.array([1.0, 1.1, 0.2, 0.25]) * (1 + 0.1 * step)
        q = q * np.exp(-0.3 * losses)
        q /= q.sum()
        gamma = q * losses.sum() / losses
        expected = [gamma[:2].mean()] * 2 + [gamma[2:].mean()] * 2
        torch.testing.assert_close(
            slope(weighting, losses.tolist()), torch.tensor(expected).float(), rtol=1e-4, atol=1e-6
        )


def test_one_group_has_one_weight() -> None:
    """The mean of all."""
    weights = slope(make("go4align", 3, groups=1, rate=0), [1.0, 2.0, 4.0])
    torch.testing.assert_close(weights, torch.full((3,), (7 + 3.5 + 1.75) / 9))
