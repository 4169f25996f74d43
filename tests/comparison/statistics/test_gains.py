"""Gains over a baseline, by hand."""

from math import isnan, nan

import pytest

from mtl.comparison.statistics.gains import delta_m, gain, scale_of


def test_gain_is_relative_to_the_baseline_and_positive_when_better() -> None:
    accuracy = scale_of("accuracy", [0.8, 0.9])
    assert gain(0.9, 0.8, higher_is_better=True, scale=accuracy) == pytest.approx(0.125)
    error = scale_of("mae", [2.0, 1.5])
    assert gain(1.5, 2.0, higher_is_better=False, scale=error) == pytest.approx(0.25)
    assert gain(2.5, 2.0, higher_is_better=False, scale=error) == pytest.approx(-0.25)


def test_gain_in_r2_does_not_divide_by_a_baseline_that_may_be_zero_or_negative() -> None:
    scale = scale_of("r2", [0.9, 0.95])
    assert gain(0.95, 0.9, higher_is_better=True, scale=scale) == pytest.approx(0.05)
    assert gain(0.1, -0.2, higher_is_better=True, scale=scale) == pytest.approx(0.3)
    assert gain(0.1, 0.0, higher_is_better=True, scale=scale) == pytest.approx(0.1)


@pytest.mark.parametrize("values", [[0.0, 1.0], [-1.0, 2.0]], ids=["zero", "negative"])
def test_a_metric_that_reaches_zero_is_compared_by_differences(values: list[float]) -> None:
    scale = scale_of("profit", values)
    assert scale.divisor == 1.0
    assert "plain difference" in scale.reason


def test_delta_m_is_the_mean_gain() -> None:
    assert delta_m([0.1, -0.3, 0.05]) == pytest.approx(-0.05)
    assert isnan(delta_m([0.1, nan]))
    assert isnan(delta_m([]))
