"""Changes of a metric against SciPy's tests, with rows that depend on each other, and how often the intervals miss."""

import numpy as np
import pytest
from scipy import stats

from mtl.agent.analysis.drift import FEWEST_ROWS, Change, Groups, Sample, change_between, change_on, is_kept, mean_of

RANDOM = np.random.default_rng(0)
pytestmark = pytest.mark.unit


def of(before: np.ndarray, after: np.ndarray) -> tuple[Sample, Sample]:
    return Sample(before, None), Sample(after, None)


@pytest.mark.parametrize("higher", [True, False])
def test_a_change_between_rows_is_welchs(higher: bool) -> None:
    first, second = RANDOM.normal(0, 1, 80), RANDOM.normal(0.7, 3, 50)
    with_gap = np.append(first, np.nan)  # a row without a label
    found = change_between("a", "mae", *of(with_gap, second), 0.03, higher=higher)
    reference = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.97)
    ends = (reference.low, reference.high) if higher else (-reference.high, -reference.low)
    np.testing.assert_allclose((found.low, found.high), ends)
    assert (found.before, found.after) == (pytest.approx(first.mean()), pytest.approx(second.mean()))


@pytest.mark.parametrize("higher", [True, False])
def test_a_change_on_the_same_rows_is_the_paired_one(higher: bool) -> None:
    first = RANDOM.normal(0, 1, 60)
    second = first + RANDOM.normal(0.2, 0.3, 60)
    found = change_on("a", "auroc", *of(first, second), 0.05, higher=higher)
    reference = stats.ttest_rel(second, first).confidence_interval(0.95)
    ends = (reference.low, reference.high) if higher else (-reference.high, -reference.low)
    np.testing.assert_allclose((found.low, found.high), ends)
    np.testing.assert_allclose((found.before, found.after), (first.mean(), second.mean()))
    assert found.reading == ("better" if higher else "worse")
    assert (found.before, found.after) == (pytest.approx(first.mean()), pytest.approx(second.mean()))


def test_rows_of_a_group_count_once() -> None:
    values, copies = RANDOM.normal(size=40), 5
    groups: Groups = np.repeat(np.arange(40), copies)
    np.testing.assert_allclose(mean_of(Sample(np.repeat(values, copies), groups)), mean_of(Sample(values, None)))


def test_rows_that_count_for_nearly_all_say_little_of_others() -> None:
    """Weights that vary as exp(2 z): with the degrees of freedom of all rows one in five of these intervals missed."""
    random = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        weights, values = np.exp(2 * random.normal(size=40)), random.normal(size=40)
        mean = (weights * values).sum() / weights.sum()
        contributions = mean + weights / weights.mean() * (values - mean)  # of a weighted mean
        found = change_on(
            "a", "mae", Sample(np.zeros(40), None), Sample(contributions, None, weights), 0.05, higher=True
        )
        missed += found.reading in ("better", "worse")
    assert missed <= 20
    alone = np.append(np.full(39, 1e-9), 1.0)
    assert change_on("a", "mae", *of(np.zeros(40), np.ones(40)), 0.05, higher=True).reading == "better"
    only = Sample(RANDOM.normal(size=40), None, alone)
    assert change_on("a", "mae", only, only, 0.05, higher=True).reading == "not measured"
    three = Sample(RANDOM.normal(size=40), None, np.append(np.full(37, 1e-9), [0.5, 1.0, 1.0]))  # as 2.8 equal ones
    assert change_on("a", "mae", three, three, 0.05, higher=True).reading == "not told from chance"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.zeros(FEWEST_ROWS - 1), np.ones(200)),
        (np.ones(200), np.full(200, np.nan)),
    ],
)
def test_too_few_rows_tell_nothing(before: np.ndarray, after: np.ndarray) -> None:
    found = change_between("a", "accuracy", *of(before, after), 0.05, higher=True)
    assert (found.gain, found.low, found.reading) == (None, None, "not measured")
    assert found.after == (None if np.isnan(after).all() else 1.0)


def test_as_many_rows_as_are_needed_are_enough() -> None:
    one, other = of(RANDOM.normal(size=FEWEST_ROWS), RANDOM.normal(size=FEWEST_ROWS))
    for change in (change_between, change_on):
        assert change("a", "mae", one, other, 0.05, higher=True).reading != "not measured"


def test_measurements_without_any_difference_between_rows() -> None:
    found = change_between("a", "accuracy", *of(np.ones(40), np.ones(40)), 0.05, higher=True)
    assert (found.gain, found.low, found.high, found.reading) == (0.0, 0.0, 0.0, "not told from chance")


def test_intervals_miss_as_seldom_as_they_say() -> None:
    """Skewed losses of 60 and 40 rows without a change: 5 % of the intervals at 95 %, give or take what 1,000 allow."""
    random = np.random.default_rng(1)
    told = 0
    for _ in range(1000):
        found = change_between("a", "mae", *of(random.gamma(2, size=60), random.gamma(2, size=40)), 0.05, higher=False)
        told += found.reading != "not told from chance"
    assert 30 <= told <= 75


@pytest.mark.parametrize("turned", [False, True])
def test_rows_that_are_all_right_may_be_so_by_chance(turned: bool) -> None:
    """Of 100 rows none is wrong, and of 1,000 there are 15: the 100 count as if they varied as these."""
    few, many = np.ones(100), (np.arange(1000) >= 15).astype(float)
    found = change_between("a", "accuracy", *(of(many, few) if turned else of(few, many)), 0.05, higher=True)
    variance = float(many.var(ddof=1)) / 1000
    half = stats.t.ppf(0.975, 11**2 * 999 / (10**2 + 1)) * (11 * variance) ** 0.5
    assert found.low == pytest.approx((0.015 if turned else -0.015) - half)
    assert found.reading == "not told from chance"
    clearly = change_between("a", "accuracy", *of(few, (np.arange(1000) >= 150).astype(float)), 0.05, higher=True)
    assert clearly.reading == "worse"


def test_what_is_kept_is_better_somewhere_and_worse_nowhere() -> None:
    def changes(*readings: str) -> tuple[Change, ...]:
        return tuple(Change("a", "mae", 0, 0, 0, 0, 0, one) for one in readings)  # type: ignore[arg-type]

    assert is_kept(changes("better", "not told from chance"))
    assert not is_kept(changes("better", "worse"))
    assert not is_kept(changes("not told from chance", "not measured"))
