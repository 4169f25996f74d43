"""Gains over a baseline, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mtl.comparison.statistics.gains import FROM_GUESS_TO_PERFECT, RELATIVE, Scale, gains, scale_of

POSITIVE = st.floats(0.1, 10)


def mean_gain(value: float, baseline: float, *, higher: bool, scale: Scale) -> float:
    return float(gains(np.array([value]), np.array([baseline]), higher_is_better=higher, scale=scale).mean())


def test_gain_is_relative_to_the_baseline_and_positive_when_better() -> None:
    accuracy = scale_of("accuracy", [0.8, 0.9], [0.8])
    assert mean_gain(0.9, 0.8, higher=True, scale=accuracy) == pytest.approx(0.125)
    error = scale_of("mae", [2.0, 1.5], [2.0])
    assert mean_gain(1.5, 2.0, higher=False, scale=error) == pytest.approx(0.25)
    assert mean_gain(2.5, 2.0, higher=False, scale=error) == pytest.approx(-0.25)


def test_gain_in_r2_does_not_divide_by_a_baseline_that_may_be_zero_or_negative() -> None:
    scale = scale_of("r2", [0.9, 0.95], [0.9])
    assert mean_gain(0.95, 0.9, higher=True, scale=scale) == pytest.approx(0.05)
    assert mean_gain(0.1, -0.2, higher=True, scale=scale) == pytest.approx(0.3)
    assert mean_gain(0.1, 0.0, higher=True, scale=scale) == pytest.approx(0.1)


@pytest.mark.parametrize("metric", FROM_GUESS_TO_PERFECT)
def test_of_what_is_0_by_guessing_and_1_at_best_a_gain_is_the_difference(metric: str) -> None:
    assert scale_of(metric, [0.5, 0.7], [0.5]).divisor == 1


@pytest.mark.parametrize(
    ("values", "baseline"), [([0.0, 1.0], [0.0]), ([-1.0, 2.0], [2.0])], ids=["a baseline of zero", "negative"]
)
def test_where_a_ratio_means_nothing_plain_differences_are_compared(values: list[float], baseline: list[float]) -> None:
    scale = scale_of("profit", values, baseline)
    assert scale.divisor == 1.0
    assert "plain difference" in scale.reason


def test_a_run_that_fails_leaves_the_gains_of_others_relative() -> None:
    """An F1 of 0, as of a head that never says yes, is 100 % worse, and no reason to compare all by differences."""
    scale = scale_of("f1", [0.5, 0.6, 0.0, float("nan")], [0.5, float("nan")])
    assert scale == RELATIVE
    assert mean_gain(0.0, 0.5, higher=True, scale=scale) == pytest.approx(-1.0)
    assert mean_gain(0.6, 0.5, higher=True, scale=scale) == pytest.approx(0.2)


@pytest.mark.parametrize("baseline", [0.0, -5.0])
def test_nothing_is_relative_to_what_is_not_positive(baseline: float) -> None:
    """A cost of nothing, or a profit below 0, over which a better one would count as worse."""
    assert np.isnan(gains(np.array([1.0]), np.array([baseline]), higher_is_better=True, scale=RELATIVE)).all()


@given(arrays(float, 5, elements=POSITIVE), arrays(float, 5, elements=POSITIVE), st.booleans())
def test_the_mean_of_relative_gains_is_the_gain_of_the_means(x: np.ndarray, b: np.ndarray, higher: bool) -> None:
    found = gains(x, b, higher_is_better=higher, scale=RELATIVE)
    assert found.mean() == pytest.approx((1 if higher else -1) * (x.mean() / b.mean() - 1), abs=1e-9)


def test_the_spread_of_relative_gains_is_that_of_the_ratio_of_means() -> None:
    rng, n = np.random.default_rng(0), 8
    ratios, errors = [], []
    for _ in range(2000):
        x, b = 2 + 0.1 * rng.normal(size=n), 4 + 0.2 * rng.normal(size=n)
        ratios.append(x.mean() / b.mean() - 1)
        errors.append(gains(x, b, higher_is_better=True, scale=RELATIVE).var(ddof=1) / n)
    assert np.mean(errors) == pytest.approx(np.var(ratios), rel=0.15)


def test_a_noisy_baseline_does_not_bias_the_gain() -> None:
    """A mean of ratios to each seed's own baseline would be at -4 % here."""
    rng = np.random.default_rng(1)
    found = [
        gains(1 + 0.2 * rng.normal(size=30), 1 + 0.2 * rng.normal(size=30), higher_is_better=False, scale=RELATIVE)
        for _ in range(400)
    ]
    assert abs(np.mean(found)) < 0.01
