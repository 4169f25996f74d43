"""Ranks of configurations against scipy and a published table."""

from math import isnan, sqrt

import numpy as np
import pytest
from scipy import stats

from mtl.comparison.statistics.ranks import mean_ranks, ranking


def test_ranks_by_hand() -> None:
    assert mean_ranks([[0.9, 0.8, 0.8], [0.5, 0.7, 0.6]]) == [2.0, 1.75, 2.25]


def test_ranking_agrees_with_scipy_and_the_published_table() -> None:
    scores = np.random.default_rng(0).normal(size=(10, 4))
    found = ranking(scores)
    assert found.p == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue)
    # Demsar 2006, table 5: q_0.05 for four classifiers is 2.569
    assert found.critical_difference == pytest.approx(2.569 * sqrt(4 * 5 / 60), rel=1e-3)
    assert isnan(ranking(scores[:, :2]).p)
    assert ranking(np.zeros((3, 3))).p == 1.0
