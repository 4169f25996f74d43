"""Shop floors as an environment."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtl.agent.environments.scheduling.dispatchers import Dispatchers
from mtl.agent.environments.scheduling.floor.disturbances import Disturbances
from mtl.agent.environments.scheduling.floor.planners import agent_planner
from mtl.agent.environments.scheduling.floor.shop_floor import ShopFloor, with_due_dates
from mtl.agent.environments.scheduling.seeds import LARGEST_SEED
from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.demand_rules import DemandRule, simulator_for
from mtl.suites.scheduling.features import CANDIDATE_FEATURES
from mtl.suites.scheduling.instance import from_routes
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.suite import SchedulingSuite
from tests.agent.environments.scheduling.conftest import random_network
from tests.agent.improvement.test_outcome_search import head, trained_network

Predict = Callable[[dict[str, Tensor]], dict[str, Tensor]]
SUITE = SchedulingSuite(instances=1, validation=1, test=["ft06"])
FEW = Disturbances(breakdowns=0.2, late=0.05, new_jobs=1)


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A shop of three jobs and machines."""
    (tmp_path / "small.txt").write_text("3 3\n0 9 1 7 2 5\n1 6 2 8 0 7\n2 9 0 4 1 8\n")
    return str(tmp_path / "small.txt")


@pytest.mark.parametrize("objective", ["makespan", "weighted_tardiness"])
def test_all_planners_meet_the_same_disturbances(objective: str, small: str, tmp_path: Path) -> None:
    """Agent, rules, solver and the plan that is kept, each with its interval; the files hold what was done."""
    floor = ShopFloor(small, 2, FEW, 0.05, baselines=["bound", "spt"], objective=objective)  # type: ignore[arg-type]
    report = floor.act(random_network, SUITE)
    rows = report.records()
    assert [row["planner"] for row in rows] == ["agent", "bound", "spt", "cpsat", "kept plan"] * 2
    for number in range(2):
        same = [row for row in rows if row["episode"] == f"small-{number}"]
        assert len({(row["breakdowns"], row["late_operations"], row["new_jobs"]) for row in same}) == 1
    summary = report.summary()
    assert next(iter(summary)) == objective
    costs = {name: [float(row[objective]) for row in rows if row["planner"] == name] for name in ("agent", "spt")}  # type: ignore[arg-type]
    pairs = list(zip(costs["spt"], costs["agent"], strict=True))
    expected = [100 * (a / b - 1) if objective == "makespan" else a - b for a, b in pairs]
    assert summary["spt_difference"] == pytest.approx(sum(expected) / 2)
    assert summary["spt_difference_low"] <= summary["spt_difference"] <= summary["spt_difference_high"]
    assert report.outcome().values.tolist() == costs["agent"]
    assert "the agent was trained on plain shops" in str(report.table().caption)
    names = {path.name for path in report.write(tmp_path)}
    assert {"schedules.csv", "schedules.json", "gantt-small-0.png", "execution.csv"} <= names


def test_outcomes_of_other_episodes_are_told_apart(small: str) -> None:
    """By a hash that does not depend on who plans."""

    def instances(disturbances: Disturbances = FEW, seed: int = 0, **settings: object) -> str:
        floor = ShopFloor(small, 2, disturbances, 0, baselines=[], gantt=False, seed=seed, **settings)  # type: ignore[arg-type]
        found = floor.act(random_network, SUITE).outcome()
        assert found is not None
        return found.instances

    one = instances()
    assert one == instances(temperature=1.0) != ""
    others = [instances(seed=1), instances(Disturbances(breakdowns=0.2, late=0.05, new_jobs=2))]
    assert len({one, *others}) == 3


def test_without_seconds_nothing_depends_on_the_clock(small: str) -> None:
    """Then the solver is left out, and the same seed gives the same costs."""
    costs = [
        [(row["planner"], row["makespan"]) for row in ShopFloor(small, 2, FEW, 0).act(random_network, SUITE).records()]
        for _ in range(2)
    ]
    assert costs[0] == costs[1]
    assert "cpsat" not in dict(costs[0])


def test_the_agent_plans_with_all_its_dispatchers_and_takes_the_cheapest_plan(small: str) -> None:
    """By what is known: when the first plan is made, and with what has begun; one alone plans as before."""
    network = trained_network()
    head(network).others = torch.randn(2, len(CANDIDATE_FEATURES), generator=torch.Generator().manual_seed(0))
    head(network).demanding = DemandRule.atc().columns[None]
    settings = {"baselines": [], "objective": "weighted_tardiness", "gantt": False}
    found: dict[str | None, dict[str, list[int]]] = {}
    for dispatchers in ("first", "both", None):
        floor = ShopFloor(small, 2, FEW, 0, dispatchers=dispatchers, **settings)  # type: ignore[arg-type]
        floor.meet(network)
        report = floor.act(network, SUITE)
        found[dispatchers] = {name: [one.cost for one in report.of(name)] for name in report.planners}
        caption = str(report.table().caption)
        assert ("each with 4 dispatchers" in caption) == (dispatchers != "first")
        assert ("1 of its dispatchers were searched for due dates" in caption) == (dispatchers != "first")
    assert [*found["first"]] == ["agent", "kept plan"]
    assert found["both"].pop("first dispatcher") == found["first"]["agent"]
    assert found["both"] == found[None]
    plain = ShopFloor(small, 2, FEW, 0, baselines=[], gantt=False)
    plain.meet(network)
    assert plain.act(network, SUITE).dispatchers == 1, "for makespans the first, if nothing else is typed"
    floor.meet(trained_network())
    assert floor.found == Dispatchers(scale=floor.found.scale), "an agent does not act with the dispatchers of another"

    plain, demanding = Dispatchers.of(network).plain, Dispatchers.of(network).demanding
    policies = (network_policy(lambda inputs: network(inputs)["assignment"]), *plain, *demanding)
    given = floor.episodes[0].instance
    begun = replace(given, constraints=replace(given.constraints, fixed=((0,), (), ()), now=3))
    with torch.inference_mode():
        for instance in (given, begun):
            planned = agent_planner(policies[0], 0, 0.3, 0, policies[1:])(instance)
            each = [rollout(one, simulator_for(one, Shops.pack([instance]))).cost.item() for one in policies]
            assert planned.cost == min(each)


def test_jobs_without_due_dates_are_due_so_long_after_their_release() -> None:
    shop = from_routes("two", [[(0, 4), (1, 6)], [(1, 3)]], constraints=Constraints(releases=(10, 2)))
    made = with_due_dates(shop, "weighted_tardiness", 1.5)
    assert (made.constraints.due, made.constraints.weights, made.objective) == ((25, 6), (1, 1), "weighted_tardiness")
    assert with_due_dates(shop, "makespan", 1.5).constraints.due == ()
    given = replace(shop, constraints=replace(shop.constraints, due=(30, None), weights=(2, 5)))
    assert with_due_dates(given, "weighted_tardiness", 1.5).constraints == given.constraints


def test_shops_with_alternative_machines_are_played(tmp_path: Path) -> None:
    text = "3 2\n2 2 1 5 2 4 1 2 3\n2 1 2 4 2 1 6 2 9\n1 2 1 7 2 5\n"
    (tmp_path / "flexible.fjs").write_text(text)
    floor = ShopFloor(str(tmp_path / "flexible.fjs"), 3, FEW, 0, gantt=False)
    report = floor.act(trained_network(), SUITE)
    assert {one.episode.name for one in report.outcomes} == {"flexible-0", "flexible-1", "flexible-2"}
    assert [*report.summary()][:2] == ["makespan", "seconds"]
    rows = dict(report.texts())["schedules.csv"].splitlines()
    assert len(rows) == 1 + 4 * sum(5 + 2 * len(one.new_jobs) for one in floor.episodes)
    tardy = with_due_dates(floor.episodes[0].instance, "weighted_tardiness", 2.0)
    assert tardy.constraints.due == (14, 20, 10), "by the least work of each"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"episodes": 1}, "episodes=1: expected at least 2"),
        ({"seconds": -1}, "seconds=-1: expected a number of seconds"),
        ({"workers": 0}, "workers=0, temperature=0.3, tightness=1.5: expected"),
        ({"objective": "late"}, "unknown objective 'late'"),
        ({"dispatchers": "frist"}, "unknown choice in dispatchers 'frist': did you mean 'first'"),
        ({"baselines": ["stp"]}, "unknown baseline 'stp': did you mean 'spt'"),
        ({"baselines": ["fdd", "edd"]}, "baseline edd: no job of instance ft06 has a due date"),
        ({"seed": LARGEST_SEED + 1}, "seed=2147483648: expected"),
    ],
    ids=str,
)
def test_mistakes(settings: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ShopFloor(**{"instances": "ft06", **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"breakdowns": -1}, "disturbances.breakdowns=-1: expected 0 or more"),
        ({"late": 2}, "disturbances.late=2: expected a share"),
        ({"lateness": (1, 0)}, r"disturbances.lateness=\[1, 0\]: expected two numbers"),
        ({"new_jobs": 0.5}, "disturbances.new_jobs=0.5: expected a whole number"),
    ],
    ids=str,
)
def test_mistakes_in_disturbances(settings: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Disturbances(**settings)  # type: ignore[arg-type]
