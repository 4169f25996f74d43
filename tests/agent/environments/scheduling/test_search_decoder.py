"""The search with all dispatchers: no longer than the best of them, and every schedule counted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.agent.environments.scheduling import search_decoder
from mtl.agent.environments.scheduling.decoders import Decoder, Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.search_decoder import Search
from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.critical_swaps import CriticalSwaps
from mtl.suites.scheduling.discrepancy_search import DiscrepancySearch
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import Policy, RulePolicy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.suite import SchedulingSuite

UNLIKE = from_routes("unlike", [[(0, 3), (1, 2)], [(1, 4), (0, 1), (1, 1)], [(2, 5)]], range(4))
noise = torch.randn(3, len(BOUND_RULE), generator=torch.Generator().manual_seed(0))
RULES = [RulePolicy(torch.tensor(BOUND_RULE) + 0.1 * one) for one in noise]


def search(samples: int = 24, **options: float) -> Decoder:
    """With three dispatchers that are rules."""
    return Search(samples, **options).beside(RULES)  # type: ignore[arg-type]


def makespans(instances: list[JobShop], starts: Tensor) -> list[int]:
    """Of feasible schedules: Schedule checks them."""
    return [Schedule.of(instance, row).makespan for instance, row in zip(instances, starts, strict=True)]


def test_it_is_never_longer_than_the_best_of_all_dispatchers(policy: Policy, instances: list[JobShop]) -> None:
    """Also of shops of other sizes, in padding."""
    instances = [*instances, UNLIKE, *select("ft06")]
    shops = Shops.pack(instances)
    greedy = makespans(instances, Greedy().beside(RULES).decode(policy, shops))
    for samples, swaps in ((4, 0.0), (24, 0.0), (24, 0.5)):
        found = makespans(instances, search(samples, swaps=swaps).decode(policy, shops))
        assert all(mine <= its for mine, its in zip(found, greedy, strict=True))
    assert sum(found) < sum(greedy)


def test_one_schedule_is_that_of_the_network(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)
    assert torch.equal(search(1).decode(policy, shops), Greedy().decode(policy, shops))


def test_equal_seeds_and_other_companions_change_nothing(policy: Policy, instances: list[JobShop]) -> None:
    together = search().decode(policy, Shops.pack(instances))
    alone = [search().decode(policy, Shops.pack([instance]))[0] for instance in instances]
    assert torch.equal(together, torch.stack(alone))


@pytest.mark.parametrize(("samples", "swaps"), [(24, 0.25), (7, 0.0), (9, 0.5), (2, 0.9)])
def test_every_schedule_is_counted(policy: Policy, monkeypatch: pytest.MonkeyPatch, samples: int, swaps: float) -> None:
    """One of the network, those of the search and those of the swaps."""
    searches, locals_ = [], []

    def spy(kind: Callable[..., object], made: list[object]) -> Callable[..., object]:
        def make(*arguments: object) -> object:
            made.append(kind(*arguments))
            return made[-1]

        return make

    monkeypatch.setattr(search_decoder, "DiscrepancySearch", spy(DiscrepancySearch, searches))
    monkeypatch.setattr(search_decoder, "CriticalSwaps", spy(CriticalSwaps, locals_))
    search(samples, swaps=swaps).decode(policy, Shops.pack(select("la16")))
    built, moves = sum(one.built for one in searches), sum(one.moves for one in locals_)
    assert 1 + built + moves == samples
    assert moves == int(swaps * samples)


def test_it_stands_in_the_report(predict: Callable[..., dict[str, Tensor]]) -> None:
    environment = JobShops("ft06", search(8), ["spt"])
    report = environment.run(predict, SchedulingSuite(instances=1, validation=1, test=["ft06"]))
    assert [row["method"] for row in report.records()] == ["agent", "spt"]
    assert report.labels["agent"] == "search of 8"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"samples": 0}, "decoder.samples=0: expected at least 1"),
        ({"swaps": 1.0}, "decoder.swaps=1.0: expected a share of the schedules, from 0 to below 1"),
        ({"swaps": float("nan")}, "decoder.swaps=nan"),
        ({"seed": -1}, "decoder.seed=-1"),
    ],
    ids=["samples", "swaps", "nan", "seed"],
)
def test_bad_settings(settings: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Search(**settings)  # type: ignore[arg-type]


def test_other_shops_and_agents_are_refused(policy: Policy) -> None:
    released = replace(UNLIKE, constraints=Constraints(releases=(0, 5, 0)))
    with pytest.raises(InputError, match="instance unlike has release dates: take decoder=greedy or sample"):
        Search().check(released)
    Search().check(UNLIKE)
    shop = JobShop("x", np.array([[1, 2]]), np.array([[0, 1]]))
    with pytest.raises(InputError, match=r"no dispatcher beside the one that asks the network; python improve\.py"):
        Search().decode(policy, Shops.pack([shop]))
    with pytest.raises(InputError, match="decoder=search: the agent has no dispatcher beside"):
        JobShops("ft06", Search()).meet(None)  # before a solver takes its time
