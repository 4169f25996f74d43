"""Rules that look at due dates."""

from math import log

import pytest
import torch

from mtl.agent.environments.scheduling.due_date_rules import apparent_tardiness_cost, earliest_due_date
from mtl.agent.environments.scheduling.rules import rules
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.instance import from_routes
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

# Three jobs for the saw; the first drills afterwards. The last one has no due date.
ROUTES = [[(0, 4), (1, 5)], [(0, 2)], [(0, 3)]]
GIVEN = Constraints(due=(40, 6, None), weights=(2, 1, 0))


def test_due_dates_by_hand() -> None:
    state = Simulator(Shops.pack([from_routes("own", ROUTES, ("saw", "drill"), constraints=GIVEN)]))
    assert earliest_due_date(state)[0].argsort(descending=True).tolist() == [1, 0, 2]
    # Slacks are 40 - 4 - 3 * 5 = 21, and 6 - 2 = 4; the mean of the durations is 3, and looked ahead three times
    expected = [log(2 / 4) - 21 / 9, log(1 / 2) - 4 / 9]
    assert apparent_tardiness_cost(state)[0, :2].tolist() == pytest.approx(expected)
    assert apparent_tardiness_cost(state)[0, 2] < -1e6


@pytest.mark.parametrize("name", ["edd", "atc"])
def test_jobs_that_are_due_go_first(name: str) -> None:
    """On one machine with equal durations: each in time, which the order of the jobs is not."""
    given = Constraints(due=(9, 6, 3, None), weights=(1, 1, 1, 1))
    shop = from_routes("own", [[(0, 3)]] * 4, ("saw",), constraints=given, objective="weighted_tardiness")
    assert rules(0)[name].schedule(Shops.pack([shop])).flatten().tolist() == [6, 3, 0, 9]


def test_where_no_job_is_due_they_are_all_the_same() -> None:
    state = Simulator(Shops.pack([from_routes("own", ROUTES, ("saw", "drill"))]))
    for rule in (earliest_due_date, apparent_tardiness_cost):
        assert torch.equal(rule(state), torch.zeros(1, 3))
