"""Looks at a result that grows: what each spends, and what is known after several."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtl.comparison.statistics.estimate import over_seeds
from mtl.comparison.statistics.looks import complete_looks, intersect, spend


@given(st.floats(1e-4, 0.4), st.integers(1, 20))
def test_what_all_looks_spend_is_the_whole(alpha: float, looks: int) -> None:
    found = spend(alpha, looks)
    assert sum(found) == pytest.approx(alpha)
    assert found == sorted(found)
    assert len(found) == looks


def test_four_looks_spend_as_published() -> None:
    assert spend(0.05, 4) == pytest.approx([0.005, 0.010, 0.015, 0.020])


def test_intervals_have_in_common_what_each_holds() -> None:
    assert intersect([(0, 4), (1, 9), (-2, 3)]) == (1, 3)
    assert intersect([(nan, nan), (1, 2)]) == (1, 2)
    assert intersect([(0, 1), (1, 2)]) == (1, 1)
    assert intersect([(0, 1), (2, 3)]) == (2, 3)  # one of them is wrong: the last one has more seeds
    assert all(map(isnan, intersect([])))


def test_only_looks_whose_seeds_are_done_are_taken() -> None:
    assert complete_looks([3, 5, 8], 7) == [3, 5]
    assert complete_looks([3, 5, 8], 2) == []


def test_looking_again_and_again_misses_the_truth_no_more_often_than_stated() -> None:
    rng, times, looks = np.random.default_rng(0), 800, (3, 5, 8, 12)
    ever = 0
    for _ in range(times):
        x = rng.normal(size=looks[-1])
        intervals = [over_seeds(x[:n]).interval(a) for n, a in zip(looks, spend(0.05, 4), strict=True)]
        ever += any(not low <= 0 <= high for low, high in intervals)
    assert ever <= stats.binom.ppf(0.9999, times, 0.05)
