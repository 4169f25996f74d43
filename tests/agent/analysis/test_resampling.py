"""Intervals by drawing groups again."""

from collections.abc import Sequence

import numpy as np
import pytest
from rich.table import Table
from scipy import stats

from mtl.agent.analysis.content import Analysis
from mtl.agent.analysis.resampling import mean_interval, percentile_interval, resampled, with_interval
from mtl.agent.report import ExecutionReport, Value
from mtl.comparison.report.analysis_page import headline
from mtl.lifecycle.analysis import outcome_facts
from mtl.runs.contributions import Outcome


class Acted(ExecutionReport):
    """A report of these outcomes alone."""

    def __init__(self, values: Sequence[float], groups: Sequence[int] | None = None) -> None:
        rows = None if groups is None else np.array(groups)
        self.achieved = Outcome("profit", True, np.array(values, dtype=float), None, rows)

    def records(self) -> list[dict[str, Value]]:
        return []

    def summary(self) -> dict[str, float]:
        return {}

    def table(self) -> Table:
        return Table()

    def outcome(self) -> Outcome:
        return self.achieved


@pytest.mark.parametrize("groups", [2, 6])
def test_few_groups_miss_the_mean_as_seldom_as_promised(groups: int) -> None:
    """Of unlike size, too; draws alone miss it in half of the cases with two groups."""
    random, missed = np.random.default_rng(0), 0
    for _ in range(400):
        counts = random.integers(5, 9, groups).astype(np.float64)
        low, high = mean_interval(counts * (3.0 + random.normal(size=groups)), 0.05, counts)
        missed += not low <= 3.0 <= high
    assert missed < 0.08 * 400


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("groups", [5, 19])
def test_of_few_groups_the_interval_is_students_where_that_is_wider(groups: int, counted: bool) -> None:
    values = np.random.default_rng(groups).normal(2.0, 1.0, groups)
    counts = np.full(groups, 3.0)
    drawn = percentile_interval(resampled(values[None])[:, 0] / groups, 0.05)
    known = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    found = mean_interval(3 * values, 0.05, counts) if counted else mean_interval(values, 0.05)
    assert found == pytest.approx((min(drawn[0], known.low), max(drawn[1], known.high)))


def test_of_many_groups_the_draws_count() -> None:
    values = np.random.default_rng(1).normal(size=40)
    assert mean_interval(values, 0.05) == percentile_interval(resampled(values[None])[:, 0] / 40, 0.05)


def test_one_group_gives_no_interval() -> None:
    low, high = percentile_interval(resampled(np.array([[3.0]]))[:, 0], 0.05)
    assert np.isnan([low, high]).all()
    assert with_interval(3.0, low, high, "+.1f") == "+3.0"
    assert with_interval(3.0, 2.0, 4.0, "+.1f") == "+3.0 (+2.0 to +4.0)"


def test_an_outcome_of_one_instance_has_no_interval() -> None:
    found = Analysis("run", "suite", 0.05, outcome_facts(Acted([2.0]), ""), (), "", (), (), ())
    assert headline(found) == "Outcome (profit): 2 over 1 instances, higher is better."


@pytest.mark.parametrize(("values", "groups"), [([0.0] * 30, None), ([0.1] * 9, [0, 0, 0, 0, 1, 1, 1, 2, 2])])
def test_equal_outcomes_give_no_interval(values: list[float], groups: list[int] | None) -> None:
    """They do not tell how much others may differ: an interval of no width would be certain of the mean."""
    found = outcome_facts(Acted(values, groups), "")
    assert found is not None
    assert np.isnan([found.low, found.high]).all()


def test_an_outcome_is_as_certain_as_its_groups_are_many() -> None:
    values = np.random.default_rng(0).normal(size=20)
    once = outcome_facts(Acted(values.tolist()), "")
    often = outcome_facts(Acted(np.repeat(values, 9).tolist(), np.repeat(np.arange(20), 9).tolist()), "")
    assert once is not None
    assert often is not None
    np.testing.assert_allclose((often.low, often.mean, often.high), (once.low, once.mean, once.high))
