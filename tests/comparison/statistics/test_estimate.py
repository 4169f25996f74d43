"""Means over seeds and rows: by hand, against scipy, and in worlds of which the truth is known."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mtl.comparison.statistics.estimate import over_seeds, over_seeds_and_rows, over_splits

FINITE = st.floats(-100, 100).map(lambda x: round(x, 6))


@pytest.mark.parametrize("seeds", [2, 6])
def test_the_interval_over_seeds_is_students(seeds: int) -> None:
    x = np.random.default_rng(0).normal(1, 2, seeds)
    low, high = over_seeds(x).interval(0.05)
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))


@given(arrays(float, (4, 5), elements=FINITE))
def test_the_error_over_seeds_and_rows_is_no_smaller_than_that_of_either(x: np.ndarray) -> None:
    both = over_seeds_and_rows(x)
    if isnan(both.error):
        return
    seeds, rows = x.mean(1).std(ddof=1) / np.sqrt(4), x.mean(0).std(ddof=1) / np.sqrt(5)
    assert both.mean == pytest.approx(x.mean(), abs=1e-9)
    assert both.error >= max(seeds, rows) - 1e-9
    assert both.error**2 <= seeds**2 + rows**2 + 1e-9
    assert both.parts[0].df == 3


def test_the_parts_of_the_error_are_those_of_two_crossed_factors() -> None:
    """By their sums of squares, number by number; the largest of the three variances is each of them once."""
    largest = set()
    for draw in range(40):
        rng, n, m = np.random.default_rng(draw), 3, 4
        x = 0.3 * rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=(1, m)) + rng.normal(size=(n, m))
        mean = sum(x[i, j] for i in range(n) for j in range(m)) / (n * m)
        seeds = [sum(x[i, j] for j in range(m)) / m for i in range(n)]
        rows = [sum(x[i, j] for i in range(n)) / n for j in range(m)]
        left = [x[i, j] - seeds[i] - rows[j] + mean for i in range(n) for j in range(m)]
        of_seeds = sum((value - mean) ** 2 for value in seeds) / (n - 1) / n
        of_rows = sum((value - mean) ** 2 for value in rows) / (m - 1) / m
        of_both = sum(value**2 for value in left) / ((n - 1) * (m - 1)) / (n * m)
        three = of_seeds, of_rows, of_seeds + of_rows - of_both
        largest.add(three.index(max(three)))
        expected = [(of_seeds, n - 1), (max(three) - of_seeds, m - 1)]
        found = over_seeds_and_rows(x).parts
        np.testing.assert_allclose(found, expected if max(three) > of_seeds else expected[:1])
    assert largest == {0, 1, 2}


def test_rows_that_all_contribute_the_same_leave_the_error_of_the_seeds() -> None:
    x = np.random.default_rng(1).normal(0, 1, (5, 1)) + np.zeros((5, 7))
    found, plain = over_seeds_and_rows(x), over_seeds(x[:, 0])
    assert (found.mean, found.error) == pytest.approx((plain.mean, plain.error))
    assert found.interval(0.01) == pytest.approx(plain.interval(0.01))


def test_rows_that_tell_nothing_count_for_nothing() -> None:
    """With the others scaled so that the mean stays, as gains of labelled rows are."""
    x = np.random.default_rng(6).normal(size=(4, 1)) + np.random.default_rng(7).normal(size=(4, 9))
    means = x.mean(1, keepdims=True)
    padded = means + np.concatenate([(x - means) * 5, np.zeros((4, 36))], 1)
    few, many = over_seeds_and_rows(x), over_seeds_and_rows(padded, 9)
    assert (many.mean, many.error) == pytest.approx((few.mean, few.error))
    assert many.interval(0.01) == pytest.approx(few.interval(0.01))


@pytest.mark.parametrize("informative", [None, 1])
def test_one_row_does_not_say_how_others_differ(informative: int | None) -> None:
    found = over_seeds_and_rows(np.random.default_rng(8).normal(size=(5, 1 if informative is None else 3)), informative)
    assert all(map(isnan, found.interval(0.05)))


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize(("seed_sd", "row_sd"), [(1.0, 0.0), (0.0, 5.0), (1.0, 5.0), (0.3, 8.0)])
def test_the_interval_over_seeds_and_rows_covers_the_truth_as_often_as_it_says(
    seed_sd: float, row_sd: float, alpha: float
) -> None:
    rng, times, n, m = np.random.default_rng(2), 1500, 5, 60
    missed = 0
    for _ in range(times):
        x = seed_sd * rng.normal(size=(n, 1)) + row_sd * rng.normal(size=(1, m)) + rng.normal(size=(n, m))
        low, high = over_seeds_and_rows(x).interval(alpha)
        missed += not low <= 0 <= high
    assert missed <= stats.binom.ppf(0.9999, times, alpha)


def test_an_interval_over_seeds_alone_would_miss_more_often_where_rows_vary() -> None:
    rng, times = np.random.default_rng(3), 300
    missed = 0
    for _ in range(times):
        x = rng.normal(size=(5, 1)) + 8 * rng.normal(size=(1, 60)) + rng.normal(size=(5, 60))
        low, high = over_seeds(x.mean(1)).interval(0.05)
        missed += not low <= 0 <= high
    assert missed > 0.15 * times


def test_splits_that_share_training_rows_are_less_certain_than_they_look() -> None:
    x = np.random.default_rng(4).normal(size=10)
    assert over_splits(x, 0.25).error == pytest.approx(x.std(ddof=1) * np.sqrt(1 / 10 + 0.25))
    assert over_splits(x, 0.0).interval(0.05) == pytest.approx(over_seeds(x).interval(0.05))
    assert isnan(over_splits(x[:1], 0.25).error)


def test_a_small_difference_that_is_no_rounding_has_an_interval() -> None:
    assert over_seeds([1.0, 1.0 + 1e-7]).interval(0.05)[1] > 1.0


@pytest.mark.parametrize("values", [[], [1.0], [1.0, nan], [2.0, 2.0]], ids=["none", "one", "nan", "do not vary"])
def test_where_the_error_is_unknown_there_is_no_interval(values: list[float]) -> None:
    found = over_seeds(values)
    assert isnan(found.error)
    assert all(map(isnan, found.interval(0.05)))
    assert isnan(found.detectable(0.05))


def test_runs_that_are_the_same_differ_by_nothing_for_sure() -> None:
    assert over_seeds_and_rows(np.zeros((3, 4))).interval(0.01) == (0.0, 0.0)


@pytest.mark.parametrize(("seeds", "alpha"), [(2, 0.04), (3, 0.004), (6, 0.02), (12, 1e-6)])
def test_what_is_called_detectable_is_seen_in_four_of_five_cases(seeds: int, alpha: float) -> None:
    x = np.random.default_rng(5).normal(size=seeds)
    found = over_seeds(x)
    size = found.detectable(alpha) / found.error
    assert stats.nct.sf(stats.t.isf(alpha / 2, seeds - 1), seeds - 1, size) == pytest.approx(0.8, abs=1e-4)
    assert found.detectable(alpha, 0.5) < found.detectable(alpha) < found.detectable(alpha, 0.9)


def test_of_seeds_and_rows_what_is_detectable_is_seen_in_four_of_five_cases() -> None:
    """Or in a little more, since an interval of several parts is rather too wide."""
    rng, times, alpha = np.random.default_rng(6), 1500, 0.02
    draws = [
        0.4 * rng.normal(size=(5, 1)) + 2 * rng.normal(size=(1, 30)) + rng.normal(size=(5, 30)) for _ in range(times)
    ]
    sizes = [over_seeds_and_rows(x).detectable(alpha) for x in draws]
    true = float(np.sqrt(np.mean(np.square(sizes))))
    seen = np.mean([over_seeds_and_rows(true + x).interval(alpha)[0] > 0 for x in draws])
    assert 0.78 < seen < 0.92
