"""A further dispatcher takes something off the best of those before it; the agent then acts with all of them."""

from pathlib import Path

import pytest
import torch

from mtl.agent.environments.scheduling.decoders import Greedy, Sample
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.improvement.complement_search import ComplementSearch, team_ratios
from mtl.agent.improvement.population import dispatch_head, makespans, rule_makespans
from mtl.network import Network
from mtl.suites.scheduling.features import BOUND_RULE, CANDIDATE_FEATURES
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.rollout import network_policy, rollout, rule_policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from tests.agent.improvement.test_outcome_search import TASK, head, shops, trained_network

SIZES = ((5, 4, 4), (6, 3, 4))


def improver() -> ComplementSearch:
    return ComplementSearch(3, 6, SIZES, SIZES)


def rules(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.tensor(BOUND_RULE) + 0.2 * torch.randn(count, len(CANDIDATE_FEATURES), generator=generator)


def test_compiled_schedules_by_a_rule_are_those_of_the_simulator() -> None:
    groups = [shops(0), shops(1, 6)]
    drawn = rules(3)
    for group, found in zip(groups, rule_makespans(drawn, groups, threads=2), strict=True):
        for rule, row in zip(drawn, found, strict=True):
            assert row.equal(rollout(rule_policy(rule), Simulator(group)).makespan)


def test_a_team_is_as_good_as_the_best_of_its_dispatchers_on_each_shop() -> None:
    network, groups = trained_network(), [shops(0), shops(1, 6)]
    others = trained_network()
    head(others).others = rules(2)
    for group, (alone, team) in zip(groups, team_ratios([network, others], TASK, groups), strict=True):
        own = makespans(network, TASK, head(network).rule[None], head(network).gain[None], [group], 1)[0][0]
        bound = rollout(rule_policy(torch.tensor(BOUND_RULE)), Simulator(group)).makespan
        best = torch.minimum(own, rule_makespans(rules(2), [group], 1)[0].amin(0))
        torch.testing.assert_close(alone, own / bound - 1)
        torch.testing.assert_close(team, best / bound - 1)


def proposals(network: Network, count: int, memory: Path) -> None:
    memory.mkdir(exist_ok=True)
    for number in range(count):
        improver().propose(network, number, memory / f"{number}.ckpt", lambda _: None)


def test_each_proposal_adds_one_and_leaves_the_others(tmp_path: Path) -> None:
    network = trained_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    proposals(network, 2, tmp_path)
    others = head(network).others
    assert others is not None
    assert others.shape == (2, len(CANDIDATE_FEATURES))
    assert all(network.state_dict()[name].equal(value) for name, value in before.items())
    again = trained_network()
    proposals(again, 2, tmp_path / "again")
    assert others.equal(head(again).others), "the same seed finds the same dispatchers"
    found = improver().achieved([trained_network(), network], 3)
    assert list(found) == ["5x4", "6x3"]
    assert all((team <= alone).all() for alone, team in found.values())


def test_an_interrupted_search_goes_on_to_the_same_dispatcher(tmp_path: Path) -> None:
    whole = trained_network()
    proposals(whole, 1, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop(progress: object) -> None:
        raise Stopped

    parts = trained_network()
    with pytest.raises(Stopped):
        improver().propose(parts, 0, tmp_path / "0.ckpt", stop)
    assert head(parts).others is None
    proposals(parts, 1, tmp_path)
    assert head(whole).others is not None
    assert head(whole).others.equal(head(parts).others)  # type: ignore[union-attr]


def test_a_checkpoint_has_as_many_dispatchers_as_were_found() -> None:
    team, network = trained_network(), trained_network(1)
    head(team).others = rules(3)
    network.load_state_dict(team.state_dict())
    assert rules(3).equal(head(network).others)  # type: ignore[arg-type]
    network.load_state_dict(trained_network().state_dict())
    assert head(network).others is None


def test_greedy_keeps_the_shortest_of_all_dispatchers_and_says_so() -> None:
    network = trained_network()
    head(network).others = rules(4)
    environment = JobShops("ft06", Greedy())
    assert environment.decoder.label == "greedy"
    environment.meet(None)
    environment.meet(network)
    assert environment.decoder.label == "best of 5 dispatchers"
    group = Shops.pack([taillard(3, 0, i, (5, 5), (4, 4)) for i in range(4)])
    policy = network_policy(lambda inputs: network(inputs)[TASK])
    with torch.inference_mode():
        plans = environment.decoder.build(policy, group)
        each = [rollout(one, Simulator(group)).makespan for one in (policy, *map(rule_policy, rules(4)))]
    ends = torch.where(plans.starts >= 0, plans.starts + group.durations, 0.0).amax((1, 2))
    assert ends.equal(torch.stack(each).amin(0))
    sample = JobShops("ft06", Sample(2))
    sample.meet(network)
    assert sample.decoder.label == "best of 2"


def test_right_after_a_training_it_stays_only_if_it_helps(tmp_path: Path) -> None:
    network = trained_network()
    found = improver().improve(network, 0, tmp_path / "0.ckpt", lambda _: None)
    kept = dispatch_head(network, TASK).others is not None
    assert (found.kept == "searched") == kept == (found.validation["searched"] < found.validation["start"])
