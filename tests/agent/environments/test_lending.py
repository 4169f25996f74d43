"""Loans by expected profit, paid by what came of them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.agent.environments.lending import Applications, Lending, Terms
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.table import Splitting
from mtl.tasks import binary, regression
from tests.suites.table.customers import suite
from tests.support import Rows


def test_profits_by_hand() -> None:
    terms = Terms(margin=0.2, loss=0.5, cost=20)
    amount = torch.tensor([1000.0, 1000.0, 1000.0, 50.0])
    found = terms.profit(amount, torch.tensor([0.0, 1.0, 0.1, 0.0]))
    torch.testing.assert_close(found, torch.tensor([180.0, -520.0, 110.0, -10.0]))


def test_decisions_by_hand() -> None:
    """Four applications: a good one granted, a bad one granted by mistake, a good one refused, one too small to pay."""
    amount, bad = torch.tensor([1000.0, 500.0, 2000.0, 50.0]), torch.tensor([0.0, 1.0, 0.0, 0.0])
    expected = {"agent": torch.tensor([5.0, 1.0, -1.0, -1.0]), "linear": torch.tensor([1.0, -1.0, -1.0, -1.0])}
    report = Lending(0.2, 0.5, 20).decide(expected, amount, bad)
    assert [who.who for who in report.decisions] == ["agent", "linear", "everyone", "nobody", "truth"]
    numbers = report.summary()
    assert numbers["profit"] == numbers["agent_profit"] == pytest.approx((180 - 270) / 4)
    assert numbers["everyone_profit"] == pytest.approx((180 - 270 + 380 - 10) / 4)
    assert numbers["truth_profit"] == pytest.approx((180 + 380) / 4)
    assert numbers["linear_profit"] == pytest.approx(180 / 4)
    assert (numbers["nobody_profit"], numbers["nobody_loans"], numbers["nobody_bad"]) == (0, 0, 0)
    assert [numbers[f"{who}_loans"] for who in ("agent", "everyone", "truth")] == [2, 4, 2]
    assert [numbers[f"{who}_bad"] for who in ("agent", "everyone", "truth")] == [0.5, 0.25, 0]
    assert [row["agent"] for row in report.records()] == [True, True, False, False]
    assert report.records()[1]["profit"] == pytest.approx(-270)
    assert report.table().row_count == 5
    outcome = report.outcome()
    assert outcome is not None
    assert (outcome.name, outcome.higher_is_better) == ("profit", True)
    assert outcome.values.tolist() == pytest.approx([180, -270, 0, 0])
    assert outcome.values.mean() == pytest.approx(numbers["profit"])
    assert outcome.scale == pytest.approx(numbers["truth_profit"])
    assert outcome.groups is None
    assert not list(report.figures())


def test_settings_decide_by_hand() -> None:
    """In groups of two: an outcome of each, whose mean is the profit of an application."""
    amount, bad = torch.tensor([1000.0, 500.0, 2000.0, 50.0]), torch.tensor([0.0, 1.0, 0.0, 0.0])
    predicted = {"default": torch.tensor([0.1, 0.1, 0.6, 0.1]), "log_amount": amount.log()}
    cases = Applications(predicted, amount, bad, np.array([0, 0, 1, 1]))
    for settings, expected, outcomes in (
        ({}, [110.0, 45.0, -460.0, -13.5], [-45.0, 0.0]),
        ({"threshold": 50.0}, [110.0, 45.0, -460.0, -13.5], [90.0, 0.0]),
        # Odds of 1 to 9 become 2 to 9, those of 3 to 2 become 3 to 1
        ({"odds": 2.0}, [580 / 11, 180 / 11, -670.0, -180 / 11], [-45.0, 0.0]),
        ({"odds": 4.0, "threshold": -30.0}, [-460 / 13, -360 / 13, -820.0, -270 / 13], [-135.0, -5.0]),
    ):
        lending = Lending(0.2, 0.5, 20, **settings)
        torch.testing.assert_close(lending.expect(predicted), torch.tensor(expected), rtol=1e-4, atol=1e-3)
        found, scale = lending.achieved(cases)
        assert scale == pytest.approx((180 + 380) / 4)
        assert found.tolist() == pytest.approx(outcomes)
        lent = lending.expect(predicted) > lending.threshold
        assert lending.decisions(predicted)["lend"] == lent.tolist()
        report = lending.decide({"agent": lending.expect(predicted)}, amount, bad)
        assert found.mean() == pytest.approx(report.summary()["profit"], abs=1e-4)


def test_applications_of_a_group_may_depend_on_each_other() -> None:
    """Of a table whose split keeps groups together, the outcome says which rows these are."""
    random = np.random.default_rng(0)
    columns = {"x": random.normal(size=200), "who": np.arange(200) // 4, "default": random.random(200) < 0.3}
    frame = pd.DataFrame({**columns, "log_amount": random.normal(6, 0.5, 200)})
    targets = {"default": "binary", "log_amount": "regression"}
    data = suite(frame, targets, splitting=Splitting("group", "who"))

    def predict(inputs: Inputs) -> dict[str, torch.Tensor]:
        rows = len(inputs[SINGLE])
        return {"default": torch.full((rows,), -2.0), "log_amount": torch.zeros(rows)}

    outcome = Lending().act(predict, data).outcome()
    assert outcome is not None
    assert outcome.groups is not None
    assert np.bincount(outcome.groups).tolist() == [4] * (len(outcome.values) // 4)


@given(st.lists(st.tuples(st.floats(1, 5000), st.booleans(), st.floats(-100, 100)), min_size=1, max_size=20))
def test_nobody_earns_more_than_the_truth(rows: list[tuple[float, bool, float]]) -> None:
    amount, bad, expected = (torch.tensor(column, dtype=torch.float32) for column in zip(*rows, strict=True))
    numbers = Lending().decide({"agent": expected}, amount, bad).summary()
    assert numbers["truth_profit"] >= max(numbers["agent_profit"], numbers["everyone_profit"], 0) - 1e-3
    assert numbers["nobody_profit"] == 0


def test_a_network_that_knows_earns_what_the_truth_earns() -> None:
    """Predictions are decoded: a probability from a logit, a sum from a standardised logarithm."""
    bad, amount = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0]), torch.tensor([1000.0, 800.0, 60.0, 70.0, 2000.0])
    tasks = (binary("default"), regression("log_amount", mean=6.0, std=2.0))
    data = Rows({SINGLE: torch.arange(5.0)[:, None]}, {"default": bad, "log_amount": amount.log()}, tasks)

    def predict(inputs: Inputs) -> dict[str, torch.Tensor]:
        rows = inputs[SINGLE][:, 0].long()
        return {"default": (bad[rows] * 2 - 1) * 50, "log_amount": (amount[rows].log() - 6.0) / 2.0}

    numbers = Lending().act(predict, data).summary()
    assert numbers["applications"] == 5
    assert numbers["agent_profit"] == pytest.approx(numbers["truth_profit"])
    assert numbers["agent_profit"] > numbers["everyone_profit"]


def test_where_nothing_can_be_earned_there_is_no_outcome() -> None:
    report = Lending(0.2, 0.5, 20).decide({"agent": torch.tensor([1.0])}, torch.tensor([500.0]), torch.tensor([1.0]))
    assert report.outcome() is None


@pytest.mark.parametrize("terms", [{"margin": -0.1}, {"loss": math.nan}, {"cost": -1}], ids=str)
def test_terms_that_make_no_sense_are_refused(terms: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected 0 or more"):
        Lending(**terms)
