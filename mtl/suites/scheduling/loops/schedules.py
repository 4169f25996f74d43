"""Whole schedules by rules, which some precedences may overrule, and what may shorten them, compiled."""

from typing import NamedTuple

import numpy as np

from mtl.suites.scheduling.loops.arrays import (
    Exact,
    Floats,
    Memory,
    Shop,
    ShopArrays,
    State,
    Whole,
    empty_memory,
    empty_state,
    shop_of,
)
from mtl.suites.scheduling.loops.candidate import write_candidates
from mtl.suites.scheduling.loops.compiled import compiled, inlined
from mtl.suites.scheduling.loops.dispatching import begin, dispatch, find_candidates
from mtl.suites.scheduling.loops.present import look


class Schedules(NamedTuple):
    """B schedules, and their *moves*: pairs of operations of one machine.

    The first operation of a move is one of a critical path, the second one was a candidate beside it when it was
    chosen. The estimate of a move is the longest path through the operations that change places where the second one
    goes right before the first one and everything else keeps its order: E. Balas, A. Vazacopoulos, "Guided Local Search
    with Shifting Bottleneck for Job Shop Scheduling", Management Science 44(2), 1998,
    https://doi.org/10.1287/mnsc.44.2.262.

    Attributes:
        makespans: ``[B]``.
        orders: ``[B, J K]`` the operations in the order in which they are dispatched; -1 beyond the last one.
        moves: ``[B, L, 2]`` the first L moves at most.
        estimates: ``[B, L]`` of each move.
        counts: ``[B]`` how many moves there are; what stands beyond means nothing.
    """

    makespans: Exact
    orders: Whole
    moves: Whole
    estimates: Exact
    counts: Whole


def build(
    shops: ShopArrays, rules: Floats, members: Whole, rows: Whole, first: Whole | None = None, most_moves: int = 0
) -> Schedules:
    """Build B schedules greedily by rules, except that some operations wait for others.

    An operation that has to wait for another one is no candidate as long as the other one is. Where that leaves no
    candidate, nothing waits.

    Args:
        shops: N shops without constraints and alternatives.
        rules: ``[P, F]`` weights of the candidate features; the highest score goes next, of equals the first job.
        members: ``[B]`` the rule of each schedule.
        rows: ``[B]`` the shop of each.
        first: ``[B, J K]`` the operation for which each one waits, -1: none; None: no operation waits.
        most_moves: L, how many moves are listed of each schedule.

    Returns:
        The schedules.
    """
    count, operations = len(rows), shops.durations.shape[1]
    built = Schedules(
        np.empty(count),
        np.full((count, operations), -1),
        np.empty((count, most_moves, 2), np.int64),
        np.empty((count, most_moves)),
        np.empty(count, np.int64),
    )
    _build(shops, rules, members, rows, np.full((count, operations), -1) if first is None else first, built)
    return built


@compiled
def _build(shops: ShopArrays, rules: Floats, members: Whole, rows: Whole, first: Whole, built: Schedules) -> None:
    """Write the schedules; arguments as for :func:`build`."""
    makespans, orders, moves, estimates, counts = built
    memory = empty_memory(shops)
    most_jobs, most_machines = shops.lengths.shape[1], shops.place.shape[1]
    state = empty_state(most_jobs, most_machines)
    contested, crowded = np.empty(most_machines, np.bool_), np.empty(most_machines, np.bool_)
    candidates = np.zeros((most_jobs, rules.shape[1]), np.float32)
    operations = shops.durations.shape[1]
    rivals = np.empty((operations, most_jobs), np.int64)
    starts, tails = np.empty(operations), np.empty(operations)
    before, after = np.empty(operations, np.int64), np.empty(operations, np.int64)
    for b in range(len(makespans)):
        shop = shop_of(shops, rows[b])
        rivals[:] = -1
        begin(shop, state)
        choices, dispatched = find_candidates(shop, state, contested, crowded), 0
        while choices > 0:
            chosen = _choose(choices, shop, state, memory, rules[members[b]], first[b], candidates, rivals)
            orders[b, dispatched] = chosen * shop.longest + state.next_operation[chosen]
            starts[orders[b, dispatched]] = state.est[chosen]
            dispatched += 1
            dispatch(chosen, state)
            choices = find_candidates(shop, state, contested, crowded)
        makespans[b] = state.job_ready.max()
        order = orders[b, :dispatched]
        _link(shop, order, tails, before, after)
        counts[b] = _write_moves(
            shop, order, makespans[b], starts, tails, before, after, rivals, moves[b], estimates[b]
        )


@inlined
def _choose(
    choices: int,
    shop: Shop,
    state: State,
    memory: Memory,
    rule: Floats,
    first: Whole,
    candidates: Floats,
    rivals: Whole,
) -> int:
    """The job that goes next. Writes the operations that could go in its place."""
    if choices == 1:
        for j in range(shop.jobs):
            if state.legal[j]:
                return j
    candidates[:choices] = 0.0
    write_candidates(shop, state, look(shop, state, memory), memory, candidates)
    best, chosen, any_best, any_chosen = -np.inf, -1, -np.inf, -1
    place = 0
    for j in range(shop.jobs):
        if state.legal[j]:
            score = 0.0
            for i in range(len(rule)):
                score += float(rule[i]) * float(candidates[place, i])
            place += 1
            if score > any_best or any_chosen < 0:
                any_best, any_chosen = score, j
            if (score > best or chosen < 0) and not _waits(j, shop, state, first):
                best, chosen = score, j
    if chosen < 0:
        chosen = any_chosen
    own = chosen * shop.longest + state.next_operation[chosen]
    for j in range(shop.jobs):
        if state.legal[j] and j != chosen and state.machine[j] == state.machine[chosen]:
            rivals[own, j] = j * shop.longest + state.next_operation[j]
    return chosen


@inlined
def _waits(j: int, shop: Shop, state: State, first: Whole) -> bool:
    """Whether the operation for which the next one of a job waits is a candidate."""
    other = first[j * shop.longest + state.next_operation[j]]
    if other < 0:
        return False
    owner = other // shop.longest
    return bool(state.legal[owner] and state.next_operation[owner] == other % shop.longest)


@inlined
def _link(shop: Shop, order: Whole, tails: Exact, before: Whole, after: Whole) -> None:
    """Write what follows each operation: the neighbours on its machine, and the longest path behind its end."""
    last = np.full(shop.machine_count, -1)
    for own in order:
        m = shop.machines[own]
        before[own], after[own] = last[m], -1
        if last[m] >= 0:
            after[last[m]] = own
        last[m] = own
    for place in range(len(order) - 1, -1, -1):
        own, tail = order[place], 0.0
        if after[own] >= 0:
            tail = shop.durations[after[own]] + tails[after[own]]
        tails[own] = max(tail, _behind(own, shop, tails))


@inlined
def _behind(own: int, shop: Shop, tails: Exact) -> float:
    """What has to pass behind an operation for the sake of its job."""
    if own % shop.longest + 1 == shop.lengths[own // shop.longest]:
        return 0.0
    return float(shop.durations[own + 1] + tails[own + 1])


@inlined
def _write_moves(
    shop: Shop,
    order: Whole,
    makespan: float,
    starts: Exact,
    tails: Exact,
    before: Whole,
    after: Whole,
    rivals: Whole,
    moves: Whole,
    estimates: Exact,
) -> int:
    """Write the moves of a schedule and their estimates. Returns how many they are."""
    count = 0
    chain, heads = np.empty(shop.jobs * shop.longest, np.int64), np.empty(shop.jobs * shop.longest)
    for own in order:
        if starts[own] + shop.durations[own] + tails[own] < makespan:
            continue
        for j in range(shop.jobs):
            other = rivals[own, j]
            if other >= 0 and count < len(moves):
                moves[count, 0], moves[count, 1] = own, other
                estimates[count] = _estimate(own, other, shop, starts, tails, before, after, chain, heads)
                count += 1
    return count


@inlined
def _estimate(
    own: int,
    other: int,
    shop: Shop,
    starts: Exact,
    tails: Exact,
    before: Whole,
    after: Whole,
    chain: Whole,
    heads: Exact,
) -> float:
    """The longest path through the operations that change places where ``other`` goes right before ``own``."""
    durations = shop.durations
    chain[0], length, moved = other, 1, own
    while moved != other:
        chain[length] = moved
        moved = after[moved]
        length += 1
    end = starts[before[own]] + durations[before[own]] if before[own] >= 0 else 0.0
    for place in range(length):
        moved = chain[place]
        ready = starts[moved - 1] + durations[moved - 1] if moved % shop.longest > 0 else 0.0
        heads[place] = max(ready, end)
        end = heads[place] + durations[moved]
    behind = durations[after[other]] + tails[after[other]] if after[other] >= 0 else 0.0
    longest = 0.0
    for place in range(length - 1, -1, -1):
        moved = chain[place]
        tail = max(behind, _behind(moved, shop, tails))
        longest = max(longest, heads[place] + durations[moved] + tail)
        behind = tail + durations[moved]
    return longest
