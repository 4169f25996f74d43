"""A further dispatcher takes something off the best of those before it; the agent then acts with all of them."""

from pathlib import Path

import pytest
import torch

from mtl.agent.environments.scheduling.decoders import Greedy, Sample
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.search_decoder import Search
from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.complement_search import ComplementSearch
from mtl.agent.improvement.outcome_search import OutcomeSearch
from mtl.agent.improvement.population import dispatch_head, makespans, rule_makespans, team_ratios
from mtl.errors import InputError
from mtl.network import Network
from mtl.suites.scheduling.features import BOUND_RULE, CANDIDATE_FEATURES
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.rollout import RulePolicy, network_policy, rollout
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
            assert row.equal(rollout(RulePolicy(rule), Simulator(group)).makespan)


def test_a_team_is_as_good_as_the_best_of_its_dispatchers_on_each_shop() -> None:
    network, groups = trained_network(), [shops(0), shops(1, 6)]
    others = trained_network()
    head(others).others = rules(2)
    for group, (alone, team) in zip(groups, team_ratios([network, others], TASK, groups), strict=True):
        own = makespans(network, TASK, head(network).rule[None], head(network).gain[None], [group], 1)[0][0]
        bound = rollout(RulePolicy(torch.tensor(BOUND_RULE)), Simulator(group)).makespan
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
        each = [rollout(one, Simulator(group)).makespan for one in (policy, *map(RulePolicy, rules(4)))]
    ends = torch.where(plans.starts >= 0, plans.starts + group.durations, 0.0).amax((1, 2))
    assert ends.equal(torch.stack(each).amin(0))
    rules_alone = JobShops("ft06", Greedy(network=False))
    with pytest.raises(InputError, match=r"decoder\.network=false: the agent has no dispatcher beside"):
        rules_alone.decoder.build(policy, group)
    rules_alone.meet(network)
    assert rules_alone.decoder.label == "best of 4 rules"
    found = rules_alone.decoder.build(policy, group)
    ends = torch.where(found.starts >= 0, found.starts + group.durations, 0.0).amax((1, 2))
    assert ends.equal(torch.stack(each[1:]).amin(0))
    environment.meet(trained_network())
    assert environment.decoder.label == "greedy", "an agent does not act with the dispatchers of another"
    sampling = JobShops("ft06", Sample(5))
    sampling.meet(network)
    assert sampling.decoder.label == "best of 5"
    searching = JobShops("ft06", Search(11, swaps=0.0))
    searching.meet(network)
    with torch.inference_mode():
        found = searching.decoder.build(policy, group)
    ends = torch.where(found.starts >= 0, found.starts + group.durations, 0.0).amax((1, 2))
    assert bool((ends <= torch.stack(each).amin(0)).all())
    with torch.inference_mode():
        assert sampling.decoder.build(policy, group).starts.equal(plans.starts), "the first of each is greedy"


def test_right_after_a_training_it_stays_only_if_it_helps(tmp_path: Path) -> None:
    network = trained_network()
    found = improver().improve(network, 0, tmp_path / "0.ckpt", lambda _: None)
    kept = dispatch_head(network, TASK).others is not None
    assert (found.kept == "searched") == kept == (found.validation["searched"] < found.validation["start"])


def after_a_first_search(dispatchers: int = 2) -> ComplementSearch:
    first = OutcomeSearch(2, 4, SIZES, SIZES)
    return ComplementSearch(2, 4, SIZES, SIZES, dispatchers=dispatchers, bound_rule=True, first=first)


def test_after_a_first_search_no_schedule_is_longer_than_that_of_the_bound_rule(tmp_path: Path) -> None:
    alone, network = trained_network(), trained_network()
    first = OutcomeSearch(2, 4, SIZES, SIZES).improve(alone, 0, tmp_path / "alone.ckpt", lambda _: None)
    said: list[Progress] = []
    found = after_a_first_search().improve(network, 0, tmp_path / "0.ckpt", said.append)
    assert head(network).rule.equal(head(alone).rule)
    assert [(one.done, one.total) for one in said] == [(done, 6) for done in range(1, 7)]
    assert found.generations == 6
    assert {**found.validation, "team": 0.0} == {**first.validation, "team": 0.0}
    assert found.validation["team"] < found.validation["searched"]
    others = head(network).others
    assert others is not None
    assert len(others) == (2 if found.kept == "rule" else 3), "the bound rule is there once"
    environment = JobShops("ft06", Greedy())
    environment.meet(network)
    group = shops(5, 6, 8)
    with torch.inference_mode():
        mine = environment.decoder.build(network_policy(lambda inputs: network(inputs)[TASK]), group).starts
    bound = rollout(RulePolicy(torch.tensor(BOUND_RULE)), Simulator(group)).makespan
    assert (torch.where(mine >= 0, mine + group.durations, 0.0).amax((1, 2)) <= bound).all()


ALONE = ((1, 3, 2),)  # of a single job, of which every dispatcher makes the same schedule


@pytest.mark.parametrize("untrained", [False, True])
def test_what_shortens_no_schedule_is_not_kept_but_for_the_bound_rule(tmp_path: Path, untrained: bool) -> None:
    """That one is promised; it is there already where the first dispatcher is nothing else."""
    network = trained_network()
    if untrained:
        head(network).rule.copy_(torch.tensor(BOUND_RULE))
        head(network).gain.zero_()
    first = OutcomeSearch(1, 4, SIZES, ALONE)
    search = ComplementSearch(1, 4, SIZES, ALONE, bound_rule=True, first=first)
    found = search.improve(network, 0, tmp_path / "0.ckpt", lambda _: None)
    others = head(network).others
    if untrained:
        assert others is None
        assert (found.further, "team" in found.validation) == (0, False)
    else:
        assert others is not None
        assert others.tolist() == [list(torch.tensor(BOUND_RULE).tolist())]
        assert (found.further, found.validation["team"]) == (1, 0.0)


def test_further_dispatchers_are_the_same_after_an_interruption_in_any_of_the_searches(tmp_path: Path) -> None:
    whole = trained_network()
    after_a_first_search().improve(whole, 0, tmp_path / "whole.ckpt", lambda _: None)
    memory = tmp_path / "parts.ckpt"
    for where in (1, 3, 6):
        stopped = trained_network()

        def stop(progress: Progress, where: int = where) -> None:
            if progress.done == where:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            after_a_first_search().improve(stopped, 0, memory, stop)
    again = trained_network()
    after_a_first_search().improve(again, 0, memory, lambda _: None)
    assert all(value.equal(again.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_better_first_dispatcher_is_judged_by_what_all_of_them_achieve() -> None:
    network = trained_network()
    head(network).others = rules(2)
    (alone, team) = zip(
        *(OutcomeSearch(1, 4, SIZES, SIZES).achieved([trained_network(), network], 3).values()), strict=True
    )
    assert all((after <= before).all() for before, after in zip(alone, team, strict=True))


def test_at_least_one_dispatcher_is_searched() -> None:
    with pytest.raises(InputError, match=r"improve\.dispatchers=0: expected at least 1"):
        after_a_first_search(0)
