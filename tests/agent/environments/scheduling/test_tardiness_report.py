"""What came of shops with due dates, by hand."""

import io

import numpy as np
import pytest
from rich.console import Console

from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.schedule_report import BuiltSchedule
from mtl.agent.environments.scheduling.tardiness_report import TardinessReport
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.instance import from_routes

# The first job cannot be in time: it is released at 2, takes 3 and is due at 4. The last one has no due date.
ROUTES = [[(0, 3)], [(0, 4), (1, 5)], [(1, 2)]]
GIVEN = Constraints(releases=(2, 0, 0), due=(4, 20, None), weights=(2, 3, 7))
LATE = [[4, -1], [0, 4], [0, -1]]  # the first job ends at 7, all of them at 9
LEAST = [[2, -1], [5, 9], [0, -1]]  # at 5, and at 14


def built(method: str, name: str, starts: list[list[int]], seconds: float) -> BuiltSchedule:
    shop = from_routes(name, ROUTES, constraints=GIVEN, objective="weighted_tardiness")
    return BuiltSchedule(method, method.upper(), Schedule(shop, np.array(starts)), seconds)


@pytest.fixture
def report() -> TardinessReport:
    outcomes = [
        built("agent", "a", LATE, 0.5),
        built("edd", "a", LEAST, 0.1),
        built("agent", "b", LATE, 1.5),
        built("edd", "b", LATE, 0.3),
    ]
    return TardinessReport(outcomes, {"b": 5})


def test_numbers(report: TardinessReport) -> None:
    assert report.summary() == pytest.approx(
        {
            "weighted_tardiness": 6.0,
            "late_jobs": 1.0,
            "makespan": 9.0,
            "utilisation": 14 / 18,
            "seconds": 1.0,
            "instances": 2,
            "edd_weighted_tardiness": 4.0,
            "edd_seconds": 0.2,
        }
    )
    second = report.records()[1]
    assert {key: second[key] for key in ("method", "weighted_tardiness", "lower_bound", "late_jobs", "makespan")} == {
        "method": "edd",
        "weighted_tardiness": 2,  # twice what the first job is late at least
        "lower_bound": 2,
        "late_jobs": 1,
        "makespan": 14,
    }
    assert [one["lower_bound"] for one in report.records()] == [2, 2, 5, 5]
    outcome = report.outcome()
    assert (outcome.values.tolist(), outcome.higher_is_better, outcome.scale) == ([6.0, 6.0], False, None)


def test_the_table_marks_the_least_and_bounds_that_no_schedule_meets(report: TardinessReport) -> None:
    text = io.StringIO()
    Console(file=text, width=80, force_terminal=True, color_system="standard", highlight=False).print(report.table())
    rows = {row[0]: row[1:] for line in text.getvalue().splitlines() if (row := line.split())}
    assert rows["a"] == ["2", "6", "\x1b[1m2\x1b[0m", "1", "9", "0.50"]
    assert rows["b"] == ["5†", "\x1b[1m6\x1b[0m", "\x1b[1m6\x1b[0m", "1", "9", "1.50"]
    assert "only a lower bound is known" in text.getvalue()
    met = TardinessReport(report.outcomes[:2], {})
    text = io.StringIO()
    Console(file=text, width=80).print(met.table())
    assert "†" not in text.getvalue()
