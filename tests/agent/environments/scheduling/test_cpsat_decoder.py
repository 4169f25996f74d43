"""The agent together with CP-SAT."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mtl.agent.environments.scheduling.cpsat_decoder import CpSatDecoder, SolverAlone
from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.agent.environments.scheduling.timed_sample import TimedSample
from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.published import published
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.suite import SchedulingSuite
from mtl.suites.scheduling.unpacking import shop_of

Predict = Callable[[dict[str, Tensor]], dict[str, Tensor]]
UNLIKE = from_routes("unlike", [[(0, 3), (1, 2)], [(1, 4), (0, 1), (1, 1)], [(2, 5)]], range(4))


def makespans(instances: list[JobShop], starts: Tensor) -> list[int]:
    """Of feasible schedules: Schedule checks them."""
    return [Schedule.of(instance, row).makespan for instance, row in zip(instances, starts, strict=True)]


def test_a_shop_is_taken_out_of_the_padding() -> None:
    instances = [UNLIKE, published()["ft06"]]
    for row, instance in enumerate(instances):
        found = shop_of(Shops.pack(instances), row)
        assert found.machine_count == instance.machine_count
        assert (found.durations == instance.durations).all()
        assert (found.machines == instance.machines).all()


def test_it_finds_the_optimum_of_small_shops_and_is_never_worse_than_greedy(policy: Policy) -> None:
    """Side by side with another size of shop, and where the agent takes all the time."""
    instances = [published()["ft06"], UNLIKE, published()["la01"]]
    shops = Shops.pack(instances)
    greedy = makespans(instances, Greedy().decode(policy, shops))
    found = makespans(instances, CpSatDecoder(20.0).decode(policy, shops))
    assert found == [55, makespans([UNLIKE], SolverAlone(20.0, 1, 0).decode(policy, Shops.pack([UNLIKE])))[0], 666]
    hurried = makespans(instances, CpSatDecoder(1e-6, 1).decode(policy, shops))
    assert all(mine <= its for mine, its in zip(hurried, greedy, strict=True))


def test_it_begins_with_the_best_of_all_dispatchers(policy: Policy) -> None:
    """Whose first one is the worst of all: it scores everything alike."""
    instances = [published()["la01"]]
    shops = Shops.pack(instances)
    team = CpSatDecoder(1e-6, 1).beside([policy])
    (found,) = makespans(instances, team.decode(lambda simulator: torch.zeros_like(simulator.est), shops))
    (best,) = makespans(instances, Greedy().decode(policy, shops))
    assert found <= best
    assert team.parts()["greedy"].label == "best of 2 dispatchers"
    asked = []

    def network(simulator: Simulator) -> Tensor:
        asked.append(simulator)
        return policy(simulator)

    CpSatDecoder(1e-6, 1).beside([policy, policy]).decode(network, shops)
    assert not asked, "there was no time for the network, which takes longest"
    CpSatDecoder(1e-6, 1).decode(network, shops)
    assert asked, "it is waited for where nothing else is there"


def test_samples_of_a_time_begin_with_the_greedy_one(policy: Policy, instances: list[JobShop]) -> None:
    """Without time for a second one it is the result, and more are never worse."""
    instances = instances[:2]
    shops = Shops.pack(instances)
    greedy = Greedy().decode(policy, shops)
    assert torch.equal(TimedSample(1e-6).decode(policy, shops), greedy)
    more = makespans(instances, TimedSample(0.2).decode(policy, shops))
    assert all(some <= one for some, one in zip(more, makespans(instances, greedy), strict=True))


@pytest.mark.parametrize("alone", [True, False])
def test_the_report_has_the_parts_beside_the_whole(predict: Predict, alone: bool) -> None:
    suite = SchedulingSuite(instances=1, validation=1, test=["ft06"])
    report = JobShops("ft06", CpSatDecoder(0.2, 1, alone=alone), ["spt"]).run(predict, suite)
    parts = ["greedy", "samples", "cpsat_alone"] if alone else []
    assert [row["method"] for row in report.records()] == ["agent", *parts, "spt"]
    assert report.gap("agent") <= min(report.gap(name) for name in ("agent", "greedy") if name in report.labels)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"seconds": 0.0}, "decoder.seconds=0.0: expected a number of seconds above 0"),
        ({"workers": 0}, "decoder.workers=0: expected at least 1"),
        ({"seed": -1}, "decoder.seed=-1"),
    ],
    ids=["seconds", "workers", "seed"],
)
def test_bad_settings(settings: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        CpSatDecoder(**settings)  # type: ignore[arg-type]


def test_shops_whose_demands_the_windows_do_not_know_are_refused() -> None:
    released = replace(UNLIKE, constraints=Constraints(releases=(0, 5, 0)))
    with pytest.raises(InputError, match="instance unlike has release dates: take decoder=greedy or sample"):
        CpSatDecoder().check(released)
    CpSatDecoder().check(UNLIKE)
