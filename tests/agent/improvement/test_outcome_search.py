"""A search on the outcome learns what is known to be right, never ends worse than it began, and repeats itself."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.outcome_search import Coordinates, OutcomeSearch, Search
from mtl.agent.improvement.population import dispatch_head, makespans
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.candidates import CandidateSet
from mtl.nn.heads import TRAINED_GAIN, ChoiceHead
from mtl.sharing.hard import Hard
from mtl.suites.scheduling import SchedulingSuite
from mtl.suites.scheduling.features import BOUND_RULE, CANDIDATE_FEATURES
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.tasks import TaskGraph

TASK = OutcomeSearch.task
SIZES = ((4, 3, 2), (5, 3, 1))


def trained_network(seed: int = 0) -> Network:
    """A network as training leaves one: the rule, and a correction of it."""
    torch.manual_seed(seed)
    suite = SchedulingSuite(instances=1, validation=1, rollout_instances=1, test="ft06")
    graph = TaskGraph(suite.tasks)
    network = Network(Hard(suite.input_shape, graph.names, partial(CandidateSet, width=8, heads=2)), graph).eval()
    torch.nn.init.normal_(head(network).score[-1].weight)
    return network


def head(network: Network) -> ChoiceHead:
    return dispatch_head(network, TASK)


def search(
    network: Network, memory: Path, seed: int = 0, watch: Callable[[Progress], None] = lambda _: None
) -> ImprovementResult:
    return OutcomeSearch(3, 4, SIZES, SIZES).improve(network, seed, memory, watch)


def shops(stream: int, jobs: int = 4, count: int = 3) -> Shops:
    return Shops.pack([taillard(3, stream, i, (jobs, jobs), (3, 3)) for i in range(count)])


def scheduled(network: Network, where: Shops) -> torch.Tensor:
    """Makespans of the network's own greedy schedules."""
    with torch.inference_mode():
        return rollout(network_policy(lambda inputs: network(inputs)[TASK]), Simulator(where)).makespan


def test_each_member_schedules_as_it_would_alone() -> None:
    network, groups = trained_network(), [shops(0), shops(1, 5)]
    rules = torch.randn(3, len(CANDIDATE_FEATURES), generator=torch.Generator().manual_seed(1))
    gains = torch.tensor([0.0, 1.0, 3.0])
    together = makespans(network, TASK, rules, gains, groups, threads=2)
    assert head(network).rule.equal(torch.tensor(BOUND_RULE))
    for member, (rule, gain) in enumerate(zip(rules, gains, strict=True)):
        head(network).rule, head(network).gain = rule, gain
        for group, found in zip(groups, together, strict=True):
            assert found[member].equal(scheduled(network, group))


def test_a_step_is_of_one_size_in_every_dimension() -> None:
    """The second feature differs ten times as much as the first one, and the third not at all."""
    start, deviations = torch.tensor([3.0, 0.4, 0.0, 0.8]), torch.tensor([1.0, 10.0, 0.0, 2.0])
    found = Coordinates.of(start, deviations)
    assert found.used.tolist() == [True, True, False, True]
    rules, gains = found.weights(torch.stack([found.start, 2 * found.start]))
    torch.testing.assert_close(rules, start[:-1].expand(2, -1))  # a rule that is twice as long chooses the same
    torch.testing.assert_close(gains, torch.tensor([0.8, 1.6]))
    # In what scores differ by, 3 and 4: their length is 5, and a step of 0.1 is 0.5 of either
    step = found.units * 0.1 * deviations
    torch.testing.assert_close(step[:2], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(found.start[:2], torch.tensor([0.6, 0.8]))
    moved = found.weights(found.start[None] + torch.tensor([[0.3, 0.0, 0.7, 0.0]]))[0][0]
    assert moved[1] / moved[0] == pytest.approx((0.8 / 10) / (0.6 + 0.3))
    assert moved[2] == 0.0, "what chooses nothing is not searched"


def test_a_search_begins_at_the_best_part_of_the_trained_gain() -> None:
    network = trained_network()
    sizes = ((4, 3, 1),)
    found = Search.of(OutcomeSearch(3, 4, sizes, sizes), network, 0)
    start = torch.cat([head(network).rule, torch.tensor([TRAINED_GAIN])])
    best = found.best_gain(start)
    groups = [Shops.pack([taillard(0, 13, i, (j, j), (m, m)) for i in range(4 * n)]) for j, m, n in sizes]

    def ratio(gain: float) -> float:
        """How much longer schedules are than the rule's, mean over the shops of a size and over sizes."""
        made = {}
        for name, one in (("rule", 0.0), ("agent", gain)):
            head(network).gain = torch.tensor(one)
            made[name] = [scheduled(network, group) for group in groups]
        return float(np.mean([(a / b - 1).mean() for a, b in zip(made["agent"], made["rule"], strict=True)]))

    tried = {gain: ratio(gain) for gain in (TRAINED_GAIN * part for part in (1.0, 0.4, 0.2, 0.1, 0.05, 0.0))}
    assert len(set(tried.values())) > 1
    (chosen,) = [value for gain, value in tried.items() if gain == pytest.approx(float(best))]
    assert chosen == min(tried.values())


@pytest.mark.parametrize("seed", [3, 5], ids=["the searched one is best", "the start is best"])
def test_it_ends_no_worse_than_it_began_and_changes_nothing_else(seed: int, tmp_path: Path) -> None:
    """On the shops that decide, by schedules that the changed network builds itself."""
    network = trained_network(seed)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stream = [Shops.pack([taillard(seed, 11, i, (j, j), (m, m)) for i in range(n)]) for j, m, n in SIZES]
    start = [scheduled(network, group) for group in stream]
    found = search(network, tmp_path / "memory", seed)
    head_before = (head(network).rule.clone(), head(network).gain.clone())
    ended = [scheduled(network, group) for group in stream]
    head(network).rule, head(network).gain = torch.tensor(BOUND_RULE), torch.tensor(0.0)
    rule = [scheduled(network, group) for group in stream]

    def over_rule(made: list[torch.Tensor]) -> float:
        return float(torch.stack([(a / b - 1).mean() for a, b in zip(made, rule, strict=True)]).mean())

    assert found.validation[found.kept] == min(found.validation.values()) == pytest.approx(over_rule(ended), abs=1e-6)
    assert found.validation["start"] == pytest.approx(over_rule(start), abs=1e-6)
    assert found.validation["rule"] == 0.0
    head(network).rule, head(network).gain = head_before
    changed = {name for name, value in network.state_dict().items() if not value.equal(before[name])}
    assert {name.rpartition(".")[2] for name in changed} == ({"rule", "gain"} if found.kept == "searched" else set())


def test_the_same_seed_finds_the_same_also_after_an_interruption(tmp_path: Path) -> None:
    whole, stopped = trained_network(), trained_network()
    expected = search(whole, tmp_path / "whole")

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(stopped, tmp_path / "stopped", watch=stop)
    torch.rand(7)  # whatever happens in between
    found = search(stopped, tmp_path / "stopped")
    assert (found.kept, found.validation) == (expected.kept, expected.validation)
    assert all(value.equal(whole.state_dict()[name]) for name, value in stopped.state_dict().items())
    again = search(stopped, tmp_path / "stopped")  # one that has ended, on the network that it has changed
    assert again.kept == found.kept
    assert head(stopped).rule.equal(head(whole).rule)


def test_it_learns_what_is_right_in_a_shop_where_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Job 0 has to go first on machine 0, since much work follows: 12 against 16. It starts with the longest first."""
    shop = JobShop("known", np.array([[1, 10], [5, 1]]), np.array([[0, 1], [0, 1]]))
    monkeypatch.setattr("mtl.agent.improvement.shop_search.taillard", lambda *_: shop)
    network = trained_network()
    torch.nn.init.zeros_(head(network).score[-1].weight)
    longest = torch.zeros(len(CANDIDATE_FEATURES))
    longest[CANDIDATE_FEATURES.index("duration")] = 1.0
    head(network).rule = longest
    assert scheduled(network, Shops.pack([shop])).tolist() == [16.0]
    found = OutcomeSearch(8, 16, [[2, 2, 1]], [[2, 2, 1]], spread=0.3).improve(
        network, 0, tmp_path / "memory", lambda _: None
    )
    assert found.kept == "searched"
    assert scheduled(network, Shops.pack([shop])).tolist() == [12.0]


@pytest.mark.parametrize(
    ("prior", "tasks", "message"),
    [
        ("bound", ["makespan"], "this search takes task=scheduling with the task 'assignment'"),
        (None, ["assignment"], "a dispatcher that starts at a rule, such as task.prior=bound"),
    ],
)
def test_what_cannot_be_improved_is_said_before_the_training(prior: str | None, tasks: list[str], message: str) -> None:
    suite = SchedulingSuite(instances=1, validation=1, rollout_instances=1, test="ft06", prior=prior)
    suite.restrict(tasks)
    graph = TaskGraph(suite.tasks)
    network = Network(Hard(suite.input_shape, graph.names, partial(CandidateSet, width=8, heads=2)), graph)
    with pytest.raises(InputError, match=message):
        OutcomeSearch(1, 4, SIZES, SIZES).check(suite, network)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generations": 0}, "improve.generations=0"),
        ({"members": 7}, "improve.members=7: expected an even number"),
        ({"spread": 0.0}, "improve.spread=0.0"),
        ({"shops": []}, r"improve.shops=\[\]"),
        (
            {"validation": [[15, 15]]},
            r"improve.validation=\[\[15, 15\]\]: expected a list of \[jobs, machines, how many\]",
        ),
    ],
)
def test_wrong_arguments_are_said_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        OutcomeSearch(**{"generations": 1, "members": 4, "shops": SIZES, "validation": SIZES, **arguments})
