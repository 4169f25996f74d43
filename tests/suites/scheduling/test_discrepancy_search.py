"""Search among the schedules of rules: feasible from both ends, and every number as an independent count has it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray

from mtl.suites.scheduling.critical_swaps import CriticalSwaps
from mtl.suites.scheduling.discrepancy_search import DiscrepancySearch
from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.loops.schedules import build
from mtl.suites.scheduling.mirror import mirrored
from mtl.suites.scheduling.rollout import RulePolicy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import feasible
from tests.suites.scheduling.shops_strategy import job_shops, seeds

FEATURES = len(BOUND_RULE)


def some_rules(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Rules around the bound rule, which is the first."""
    drawn = np.random.default_rng(seed).normal(size=(count, FEATURES)).astype(np.float32)
    drawn[0] = 0.0
    return np.asarray(np.array(BOUND_RULE, np.float32) + 0.1 * drawn, np.float32)


@settings(max_examples=30, deadline=None)
@given(job_shops())
def test_a_shop_mirrored_twice_is_the_shop(shop: JobShop) -> None:
    again = mirrored(mirrored(shop))
    assert np.array_equal(again.durations, shop.durations)
    assert np.array_equal(again.machines, shop.machines)


@settings(max_examples=30, deadline=None)
@given(job_shops(), seeds)
def test_every_schedule_is_feasible_and_as_long_as_it_says(shop: JobShop, seed: int) -> None:
    """From both ends, also where jobs are of unlike length and some operations take no time."""
    search, operations = DiscrepancySearch(shop, some_rules(2), seed), Operations(shop)
    search.run(12, 0.0)
    assert search.built <= 12
    assert {one.row for one in search.schedules} <= {0, 1}
    for makespan, order in search.shortest(12):
        starts = operations.earliest(order)
        assert feasible(shop, operations.matrix(starts))
        assert operations.makespan(starts) == makespan


def test_the_first_schedules_are_those_of_the_rules_from_both_ends() -> None:
    shop, rules = taillard(3, 0, 0), some_rules(3)
    search = DiscrepancySearch(shop, rules, 0)
    search.run(6, 0.0)
    expected = {
        rollout(RulePolicy(torch.from_numpy(rule)), Simulator(Shops.pack([one]))).makespan.item()
        for one in (shop, mirrored(shop))
        for rule in rules
    }
    assert {one.makespan for one in search.schedules} == expected


def test_the_seed_decides_and_more_schedules_are_never_longer() -> None:
    shop, rules = taillard(3, 0, 1), some_rules(3)

    def found(count: int, seed: int) -> tuple[list[float], float]:
        search = DiscrepancySearch(shop, rules, seed)
        search.run(count, 0.0)
        assert search.built == count
        return [one.makespan for one in search.schedules], search.makespan

    assert found(40, 1) == found(40, 1)
    assert found(40, 1)[0] != found(40, 2)[0]
    lengths = [found(count, 1)[1] for count in (3, 6, 20, 40)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0]


def test_it_ends_where_no_schedule_is_shorter_or_nothing_is_left_to_try() -> None:
    shop = taillard(3, 0, 2)
    search = DiscrepancySearch(shop, some_rules(3), 0)
    search.run(40, float(shop.durations.sum()))
    assert search.built < 6
    alone = DiscrepancySearch(JobShop("one", np.array([[3, 4]]), np.array([[0, 1]])), some_rules(2), 0)
    alone.run(40, 0.0)
    assert (alone.built, alone.makespan) == (4, 7.0)


def test_a_move_lets_the_other_operation_go_first_and_its_estimate_is_a_path() -> None:
    """Of neighbours on a machine: no schedule with just that change is shorter than the estimate."""
    shop, operations = taillard(3, 0, 3), Operations(taillard(3, 0, 3))
    count, none = len(operations), np.zeros(1, np.int64)
    arrays, rule = Shops.pack([shop]).arrays, some_rules(1)
    order = build(arrays, rule, none, none).orders[0].tolist()
    plain = build(arrays, rule, none, none, most_moves=999)
    checked = 0
    for (own, other), estimate in zip(plain.moves[0, : plain.counts[0]], plain.estimates[0], strict=False):
        assert operations.machines[own] == operations.machines[other]
        first = np.full(count, -1)
        first[own] = other
        changed = build(arrays, rule, none, none, first[None]).orders[0].tolist()
        assert changed.index(other) < changed.index(own)
        queue = [one for one in order if operations.machines[one] == operations.machines[own]]
        if queue.index(other) == queue.index(own) + 1:
            swapped = CriticalSwaps(operations, order, 0)
            swapped.swap(own, other)
            assert swapped.makespan >= estimate
            checked += 1
    assert checked > 3


@settings(max_examples=30, deadline=None)
@given(job_shops(), seeds)
def test_swaps_keep_schedules_feasible_and_remember_the_shortest(shop: JobShop, seed: int) -> None:
    operations = Operations(shop)
    search = DiscrepancySearch(shop, some_rules(1), seed)
    search.run(1, 0.0)
    ((makespan, order),) = search.shortest(1)
    local, seen = CriticalSwaps(operations, order, seed), [makespan]
    for _ in range(8):
        if not local.move():
            break
        starts = operations.earliest(local.order)
        assert feasible(shop, operations.matrix(starts))
        assert operations.makespan(starts) == local.makespan
        seen.append(local.makespan)
    assert local.shortest == operations.makespan(operations.earliest(local.shortest_order)) == min(seen)


def test_swaps_shorten_schedules() -> None:
    shop = taillard(3, 0, 4, (10, 10), (10, 10))
    search = DiscrepancySearch(shop, some_rules(1), 0)
    search.run(1, 0.0)
    local = CriticalSwaps(Operations(shop), search.shortest(1)[0][1], 0)
    assert all(local.move() for _ in range(60))
    assert local.shortest < search.makespan
    assert local.makespan >= local.shortest


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_seeds_swap_alike(seed: int) -> None:
    shop = taillard(3, 0, 5)
    search = DiscrepancySearch(shop, some_rules(1), 0)
    search.run(1, 0.0)
    order = search.shortest(1)[0][1]
    one, other = (CriticalSwaps(Operations(shop), order, seed) for _ in range(2))
    for _ in range(20):
        assert one.move() == other.move()
    assert one.order == other.order
