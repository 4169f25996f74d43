"""Intervals by drawing groups again."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from mtl.agent.analysis.content import Analysis
from mtl.agent.analysis.resampling import percentile_interval, resampled, with_interval
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


def test_one_group_gives_no_interval() -> None:
    low, high = percentile_interval(resampled(np.array([[3.0]]))[:, 0], 0.05)
    assert np.isnan([low, high]).all()
    assert with_interval(3.0, low, high, "+.1f") == "+3.0"
    assert with_interval(3.0, 2.0, 4.0, "+.1f") == "+3.0 (+2.0 to +4.0)"


def test_an_outcome_of_one_instance_has_no_interval() -> None:
    found = Analysis("run", "suite", 0.05, outcome_facts(Acted([2.0]), None), (), "", (), (), ())
    assert headline(found) == "Outcome (profit): 2 over 1 instances, higher is better."


def test_an_outcome_is_as_certain_as_its_groups_are_many() -> None:
    values = np.random.default_rng(0).normal(size=20)
    once = outcome_facts(Acted(values.tolist()), None)
    often = outcome_facts(Acted(np.repeat(values, 9).tolist(), np.repeat(np.arange(20), 9).tolist()), None)
    assert once is not None
    assert often is not None
    np.testing.assert_allclose((often.low, often.mean, often.high), (once.low, once.mean, once.high))
