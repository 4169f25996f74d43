"""Dispatchers for due dates and for a choice of machines: whole schedules get cheaper, and none dearer."""

from pathlib import Path

import pytest
import torch

from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.rules import rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.demand_search import DemandSearch
from mtl.agent.improvement.rounds import Rounds
from mtl.agent.improvement.rule_costs import agent_costs, rule_costs
from mtl.errors import InputError
from mtl.suites.scheduling.demand_rules import SCORED, DemandRule, simulator_for
from mtl.suites.scheduling.demanding_shops import DEMANDS, demanding_shop
from mtl.suites.scheduling.rollout import RulePolicy, network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from tests.agent.improvement.test_outcome_search import TASK, head, trained_network

SIZES = ((4, 3, 3), (5, 3, 2))


def search(demand: str, dispatchers: int = 2) -> DemandSearch:
    return DemandSearch(2, 4, SIZES, SIZES, demand=demand, dispatchers=dispatchers)


def shops(demand: str, count: int = 4, seed: int = 3) -> Shops:
    return Shops.pack([demanding_shop(demand, seed, 0, index, 5, 4) for index in range(count)])


@pytest.mark.parametrize("demand", DEMANDS)
def test_the_agent_gets_what_makes_schedules_cheaper_and_goes_on_where_it_was_stopped(
    demand: str, tmp_path: Path
) -> None:
    network, again = trained_network(), trained_network()
    said: list[Progress] = []
    search(demand).propose(network, 0, tmp_path / "0.ckpt", said.append)
    assert [(one.done, one.total) for one in said] == [(1, 2), (2, 2)]
    found = head(network).demanding
    assert found is not None
    assert len(found) == 3  # with the rule without learning, which the agent did not have
    plain = search(demand).plain_rule.columns
    assert found[0].equal(plain)
    assert head(network).others is None  # those of plain shops stay as they are

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(demand).propose(again, 0, tmp_path / "1.ckpt", stop)
    search(demand).propose(again, 0, tmp_path / "1.ckpt", lambda _: None)
    assert found.equal(head(again).demanding)  # type: ignore[arg-type]
    search(demand).propose(again, 1, tmp_path / "2.ckpt", lambda _: None)
    assert len(head(again).demanding) == 5  # type: ignore[arg-type]

    achieved = search(demand).achieved([trained_network(), network, again], 3)
    for before, after, later in achieved.values():
        assert (after <= before).all()
        assert (later <= after).all()
        assert (after <= 1e-9).all()  # no dearer than the rule without learning


@pytest.mark.parametrize("demand", DEMANDS)
def test_costs_are_those_of_the_schedules_that_acting_builds_and_its_check_measures(
    demand: str, tmp_path: Path
) -> None:
    """The same network acts as it was measured: by what the written schedules cost, which another program counts."""
    network = trained_network()
    search(demand).propose(network, 0, tmp_path / "0.ckpt", lambda _: None)
    instances = [demanding_shop(demand, 3, 0, index, 5, 4) for index in range(4)]
    environment = JobShops("ft06", Greedy())
    environment.instances = instances
    environment.meet(network)
    policy = network_policy(lambda inputs: network(inputs)[TASK])
    with torch.inference_mode():
        plans = environment.decoder_of(instances).build(policy, Shops.pack(instances))
    built = [
        Schedule.of(one, starts, machines)
        for one, starts, machines in zip(instances, plans.starts, plans.machines, strict=True)
    ]
    expected = [one.cost if demand == "due_dates" else one.makespan for one in built]
    assert agent_costs(network, TASK, [shops(demand)])[0].tolist() == expected
    assert environment.searched == 3
    assert "4 dispatchers" in environment.decoder_of(instances).label
    assert environment.decoder.label == "greedy"  # of plain shops


def test_the_rule_by_due_dates_is_the_one_that_reports_have() -> None:
    given = shops("due_dates", 6)
    own = DemandRule.atc()
    known = rules(0)["atc"]
    assert rollout(own, simulator_for(own, given)).starts.equal(known.schedule(given))


def test_each_rule_schedules_as_it_would_alone() -> None:
    draws = torch.Generator().manual_seed(0)
    several = torch.randn(5, SCORED + 2, generator=draws)
    several[:, SCORED:] = torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.25, 0.0], [1.0, 2.0], [0.0, 0.0]])
    groups = [shops("machines"), shops("due_dates"), shops("due_dates", 2, 7)]
    together = rule_costs(several, groups)
    for row, one in enumerate(several):
        for group, found in zip(groups, together, strict=True):
            alone = rollout(DemandRule(one), simulator_for(DemandRule(one), group)).cost
            assert found[row].equal(alone)


def test_without_a_choice_of_machines_a_rule_that_ignores_dates_is_the_plain_one() -> None:
    weights = torch.randn(SCORED - 6, generator=torch.Generator().manual_seed(1))
    columns = torch.cat([weights, torch.zeros(6), torch.tensor([1.0, 3.0])])
    given = shops("due_dates")
    own = DemandRule(columns)
    assert rollout(own, simulator_for(own, given)).starts.equal(rollout(RulePolicy(weights), Simulator(given)).starts)


def test_gains_are_relative_to_what_is_said_and_mistakes_are_one_line() -> None:
    assert Rounds(1, search("due_dates")).reference == "the weighted tardiness of ATC"
    with pytest.raises(InputError, match=r"unknown shops in search\.demand 'due_date'.*due_dates"):
        search("due_date")
    with pytest.raises(InputError, match=r"search\.dispatchers=9: expected 1 to as many as are drawn, 8"):
        search("machines", 9)
