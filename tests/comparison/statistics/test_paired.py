"""Paired tests against values worked out by hand, by enumeration and by scipy."""

from itertools import product
from math import isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mtl.comparison.statistics.paired import equivalence, hedges, holm, paired, seeds_needed, sign_flip, smallest_p

some = st.floats(-100, 100).filter(lambda v: abs(v) > 1e-3 or v == 0)


def test_paired_t_test_and_effect_by_hand() -> None:
    found = paired([1.0, 2.0, 3.0])
    # mean 2, sd 1, t = 2 sqrt(3) with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2)
    t = 2 * sqrt(3)
    assert found.p == pytest.approx(1 - t / sqrt(t * t + 2))
    assert found.p_exact == 0.25  # of 8 sign patterns only all plus and all minus reach |sum| = 6
    assert found.effect == pytest.approx(2 * hedges(3))


@given(st.lists(some, min_size=3, max_size=8))
def test_paired_tests_agree_with_scipy(d: list[float]) -> None:
    found = paired(d)
    if np.std(d) > 1e-6:
        assert found.p == pytest.approx(stats.ttest_rel(d, np.zeros(len(d))).pvalue)
    assert found.p_exact >= smallest_p(len(d))


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=8))
def test_sign_flip_is_the_share_of_sign_patterns_that_are_as_extreme(d: list[int]) -> None:
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, d, strict=True)))
        for signs in product((1, -1), repeat=len(d))
    ]
    assert sign_flip(np.array(d, dtype=float)) == sum(one >= abs(sum(d)) for one in sums) / len(sums)


def test_hedges_correction_matches_its_usual_approximation() -> None:
    for n in (10, 50, 301, 400):
        assert hedges(n) == pytest.approx(1 - 3 / (4 * (n - 1) - 1), rel=2e-3)
    assert isnan(hedges(2))


@pytest.mark.parametrize("d", [[], [1.0], [1.0, nan]], ids=["none", "one", "nan"])
def test_no_evidence_from_too_little(d: list[float]) -> None:
    assert paired(d).p == 1.0
    assert equivalence(d, 0.1) == 1.0


def test_differences_that_do_not_vary_are_no_proof_beyond_the_number_of_seeds() -> None:
    assert paired([0.5, 0.5, 0.5]).p == 0.25
    assert paired([0.0, 0.0, 0.0]).p == 1.0
    assert equivalence([0.0, 0.0], 0.01) == 0.0


def test_sign_flip_of_many_values_is_close_to_the_t_test_and_repeats() -> None:
    d = np.random.default_rng(1).normal(0.4, 1, 40)
    assert sign_flip(d) == pytest.approx(paired(d).p, abs=0.01)
    assert sign_flip(d) == sign_flip(d)


def test_smallest_p() -> None:
    assert [smallest_p(n) for n in (1, 2, 3, 5, 6)] == [1.0, 0.5, 0.25, 0.0625, 0.03125]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_the_raw_p_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    out = holm(p)
    assert all(raw <= new <= min(1.0, len(p) * raw) + 1e-12 for raw, new in zip(p, out, strict=True))
    assert all((a <= b) <= (x <= y) for a, x in zip(p, out, strict=True) for b, y in zip(p, out, strict=True))


def test_equivalence_needs_a_narrow_spread_not_only_a_mean_of_zero() -> None:
    assert equivalence([0.001, -0.001, 0.0005, 0.0], 0.01) < 0.05
    assert equivalence([0.1, -0.1, 0.05, -0.05], 0.01) > 0.3


@given(st.lists(st.floats(-0.02, 0.02), min_size=2, max_size=8), st.floats(0.001, 0.05))
def test_equivalence_agrees_with_two_one_sided_tests_of_scipy(d: list[float], margin: float) -> None:
    if np.std(d) > 1e-6:
        above = stats.ttest_1samp(d, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(d, margin, alternative="less").pvalue
        assert equivalence(d, margin) == pytest.approx(max(above, below), abs=1e-9)


def test_seeds_needed_matches_a_textbook_power_table() -> None:
    # Cohen 1988: two-sided paired t test, alpha 0.05, power 0.8, d = 0.5 and 0.8
    assert seeds_needed(0.5, 0.05) == 34
    assert seeds_needed(0.8, 0.05) == 15
    assert seeds_needed(0.0, 0.05) is None
    assert seeds_needed(1e-4, 0.05) is None
