"""Warnings within a budget a day, and what they come to."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.agent.environments.alerts import Alerts
from mtl.agent.environments.alerts_report import AGENT, RANDOM, TRUTH, Flights, place_in_day
from mtl.errors import InputError
from mtl.suites.table import Splitting, TableSuite


def flights(minutes: list[float], day: list[int], bad: list[bool] | None = None) -> Flights:
    worth = np.array(minutes)
    late = worth > 15 if bad is None else np.array(bad)
    return Flights({}, worth, late, np.array(day), np.arange(len(day)))


def test_warnings_by_hand() -> None:
    """Two days of a budget of one: on the first the wrong flight is warned of, on the second nothing is worth it."""
    given_flights = flights([0.0, 100.0, 40.0, 5.0, 20.0], [0, 0, 0, 1, 1])
    expected = {AGENT: np.array([1.0, 2.0, 30.0, -1.0, -2.0]), "linear": np.array([0.0, 9.0, 1.0, 1.0, 2.0])}
    shown = pd.DataFrame({"dest": ["a", "b", "c", "d", "e"]})
    report = Alerts(budget=1, price=10, show=["dest"]).warn(expected, given_flights, shown)
    assert list(report.of_days) == [AGENT, "linear", RANDOM, TRUTH]
    numbers = report.summary()
    assert numbers["net_minutes"] == numbers["agent_net_minutes"] == (40 - 10) / 2
    assert (numbers["agent_warnings"], numbers["agent_minutes"], numbers["agent_precision"]) == (0.5, 20.0, 1.0)
    assert numbers["linear_net_minutes"] == (90 + 10) / 2
    assert numbers["truth_net_minutes"] == (90 + 10) / 2
    assert numbers["random_net_minutes"] == pytest.approx((140 / 3 - 10 + 25 / 2 - 10) / 2)
    assert numbers["random_precision"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert numbers["over_linear"] == -35
    assert numbers["over_linear_low"] <= -35 <= numbers["over_linear_high"]
    assert (numbers["days"], numbers["flights"]) == (2, 5)
    (warned,) = report.alerts
    assert warned == {
        "day": 1,
        "place": 1,
        "test_row": 3,
        "dest": "c",
        "expected_minutes": 30.0,
        "minutes": 40.0,
        "late_or_cancelled": True,
    }
    assert dict(report.texts())["alerts.csv"].startswith("day,place,test_row,dest,")
    assert [row["agent_net_minutes"] for row in report.records()] == [30.0, 0.0]
    (worst,) = report.failures(1)
    assert (worst["day"], worst["minutes_behind_truth"]) == (1, report.lost().max())
    outcome = report.outcome()
    assert outcome is not None
    assert (outcome.values.tolist(), outcome.scale, outcome.higher_is_better) == ([30.0, 0.0], 50.0, True)
    assert report.table().row_count == 4


def test_a_single_day_does_not_tell_how_days_differ() -> None:
    expected = {AGENT: np.array([1.0, 2.0]), "linear": np.array([2.0, 1.0])}
    report = Alerts(budget=1, price=10).warn(expected, flights([0.0, 100.0], [0, 0]))
    assert report.ahead("linear")[0] == 100
    assert np.isnan(report.ahead("linear")[1:]).all()
    assert str(list(report.table().columns[-1].cells)[1]) == "+100"


def test_what_is_expected_and_what_it_was_worth_by_hand() -> None:
    alerts = Alerts(price=15, cancelled_minutes=180, lateness=20)
    predicted = {"late": np.array([0.5]), "arrival_delay": np.array([30.0]), "cancelled": np.array([0.1])}
    assert alerts.expect(predicted) == pytest.approx([0.9 * (30 + 20 * 0.5) + 0.1 * 180 - 15])
    nan = torch.nan
    targets = {"arrival_delay": torch.tensor([-9.0, 50.0, nan, nan]), "cancelled": torch.tensor([0.0, 0.0, 1.0, 0.0])}
    assert alerts.worth(targets)[:3].tolist() == [0.0, 50.0, 180.0]
    assert np.isnan(alerts.worth(targets)[3]), "of a flight that was diverted nothing is known"


DAYS = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 300), st.floats(-50, 300), st.booleans()), min_size=1, max_size=30
)


@settings(max_examples=40)
@given(DAYS, st.sampled_from([1, 2, 7, 0.1, 0.5]))
def test_no_budget_is_exceeded_and_nobody_is_ahead_of_the_truth(
    rows: list[tuple[int, float, float, bool]], budget: float
) -> None:
    day, minutes, expected, bad = (list(column) for column in zip(*rows, strict=True))
    order = {number: place for place, number in enumerate(dict.fromkeys(day))}
    found = flights(minutes, [order[number] for number in day], bad)
    alerts = Alerts(budget=budget)
    report = alerts.warn({AGENT: np.array(expected)}, found)
    counts = np.bincount(found.day)
    allowed = np.maximum(1, np.floor(budget * counts)) if budget < 1 else np.minimum(budget, counts)
    assert (report.of_days[AGENT].count <= allowed).all()
    assert (report.lost() >= -1e-6).all()
    assert (report.net(TRUTH) >= np.maximum(report.net(RANDOM), 0.0) - 1e-6).all()
    place = place_in_day(np.array(expected), found.day)
    for number in range(len(counts)):
        assert sorted(place[found.day == number]) == list(range(counts[number]))


@pytest.mark.parametrize(("share", "count", "allowed"), [(0.29, 100, 29), (0.35, 180, 63), (0.3, 9, 2), (0.01, 5, 1)])
def test_a_share_of_a_day_is_not_one_warning_short(share: float, count: int, allowed: int) -> None:
    """The product of 0.29 and 100 is a little below 29."""
    assert Alerts(budget=share).budgets(np.zeros(count, dtype=np.int64)).tolist() == [allowed]


def test_achieved_is_what_the_report_says() -> None:
    draw = np.random.default_rng(0)
    predicted = {"late": draw.random(90), "arrival_delay": draw.normal(10, 30, 90), "cancelled": draw.random(90) / 9}
    found = Flights(predicted, draw.gamma(1, 20, 90), draw.random(90) < 0.3, np.repeat([0, 1, 2], 30), np.arange(90))
    alerts = Alerts(budget=5, lateness=30, threshold=4)
    values, scale = alerts.achieved(found)
    report = alerts.warn({AGENT: alerts.expect(predicted)}, found)
    np.testing.assert_allclose(values, report.net(AGENT))
    assert scale == pytest.approx(report.net(TRUTH).mean())


def test_new_flights_are_one_day() -> None:
    predicted = {
        "late": torch.tensor([0.1, 0.9, 0.5]),
        "arrival_delay": torch.tensor([90.0, 60.0, 2.0]),
        "cancelled": torch.zeros(3),
    }
    assert Alerts(budget=1).decisions(predicted) == {
        "warn": [True, False, False],
        "place": [1, 2, 3],
        "expected_minutes": [75.0, 45.0, -13.0],
    }
    assert Alerts(budget=1, lateness=60).decisions(predicted)["warn"] == [False, True, False]


@pytest.mark.parametrize(
    "given_options",
    [{"budget": 0}, {"budget": 1.5}, {"price": -1}, {"cancelled_minutes": float("nan")}, {"threshold": 1000}],
    ids=str,
)
def test_arguments_that_make_no_sense_are_refused(given_options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        Alerts(**given_options)


def test_the_plain_rule_is_a_mean_of_training_flights_that_agree_by_hand() -> None:
    """Numbers in tenths, a value that training has not seen, and nothing of the test rows themselves."""
    late = pd.DataFrame(
        {
            "when": pd.date_range("2020-01-01", periods=100).astype(str),
            "x": np.arange(100.0) % 7,
            "n": np.arange(100.0) ** 2,
            "dest": ["a", "b"] * 45 + ["a"] * 9 + ["new"],
            "even": [True, False] * 50,
            "day": [str(number // 5) for number in range(100)],
            "arrival_delay": [60.0, 0.0] * 45 + [999.0] * 10,
            "late": [True, False] * 50,
            "cancelled": [number in (1, 75, 95) for number in range(100)],
        }
    )
    targets = {"late": "binary", "arrival_delay": "regression", "cancelled": "binary"}
    splitting = Splitting(by="time", column="when", groups="day", val=0.2, test=0.1)
    data = TableSuite(lambda: late, targets, splitting=splitting, columns={"dest": "category", "x": "number"})
    data.configure_batches(16, 0)
    alerts = Alerts(rule=["dest"], price=10, cancelled_minutes=180)
    alerts.check(data)
    data.setup("test")
    # Of 70 training flights 35 go to a and are worth 60, and of those to b one was cancelled
    everywhere = (35 * 60 + 180) / 70 - 10
    to_a = (35 * 50 + 20 * everywhere) / 55
    np.testing.assert_allclose(alerts.expect_by_rule(data), [to_a] * 9 + [everywhere])
    # All test flights are in the last tenth of the numbers, with the last 7 training flights, 4 of which go to a
    number = Alerts(rule=["n"], price=10, cancelled_minutes=180).expect_by_rule(data)
    np.testing.assert_allclose(number, (3 * 60 - 7 * 10 + 20 * everywhere) / 27)
    assert np.isfinite(Alerts(rule=["x", "dest"]).expect_by_rule(data)).all()
    assert np.isfinite(Alerts(rule=["even"]).expect_by_rule(data)).all(), "a column of yes and no"
    assert len(alerts.known_rows(data, "test")) == 10
    labels = data.splits["test"].targets
    labels["late"][[3, 5]] = torch.nan
    assert labels["cancelled"][5] == 1
    assert alerts.known_rows(data, "test").tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    late["x"] = late["x"].where(late["dest"] != "b", 6.0).where(late["dest"] != "a")
    lacking = TableSuite(lambda: late, targets, splitting=splitting, columns={"dest": "category", "x": "number"})
    lacking.configure_batches(16, 0)
    lacking.setup("test")
    missing = Alerts(rule=["x"], price=10, cancelled_minutes=180).expect_by_rule(lacking)
    np.testing.assert_allclose(missing[:9], to_a, err_msg="missing numbers are a group of their own")
