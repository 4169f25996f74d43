"""Bootstrap intervals: their coverage, and what few values allow."""

from math import isnan

import numpy as np
import pytest
from scipy import stats

from mtl.comparison.statistics.bootstrap import bootstrap_interval


def test_bootstrap_of_three_values_is_their_range() -> None:
    assert bootstrap_interval([1.0, 2.0, 4.0]) == (1.0, 4.0)
    assert all(map(isnan, bootstrap_interval([1.0])))


def test_bootstrap_covers_the_mean_at_its_level() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.normal(3.0, 2.0, 12))
        hits += low <= 3.0 <= high
    assert hits >= stats.binom.ppf(0.001, 200, 0.95)  # the plain percentile interval has about 0.91


def test_bootstrap_of_many_values_is_students_interval() -> None:
    x = np.random.default_rng(2).normal(0, 1, 60)
    low, high = stats.t.interval(0.95, 59, x.mean(), stats.sem(x))
    assert bootstrap_interval(x) == pytest.approx((low, high), abs=0.02)
