"""What is known of a state before anything is dispatched, in compiled loops."""

from typing import NamedTuple

import numpy as np

from mtl.suites.scheduling.loops.arrays import SOFTNESS, Flags, Floats, Memory, Shop, State, Whole
from mtl.suites.scheduling.loops.bounds import job_heads, machine_bound
from mtl.suites.scheduling.loops.compiled import inlined
from mtl.suites.scheduling.loops.sums import largest, mean, share_above, smooth, spread, squash

_MANY = 24  # operations from which on a merge sort is faster than insertion
_CRITICAL = 0.97  # share of the lower bound from which on a bound counts as critical


class Present(NamedTuple):
    """Numbers of one state.

    Attributes:
        bound: no completion is shorter.
        time: the earliest possible start.
        soonest: the earliest end among the candidates.
        horizon: from ``time`` to ``bound``, a mean operation at least.
        work: of all operations.
        waiting: that is not scheduled.
        choices: candidates.
    """

    bound: float
    time: float
    soonest: float
    horizon: float
    work: float
    waiting: float
    choices: int


@inlined
def look(shop: Shop, state: State, memory: Memory) -> Present:
    """Write heads, loads and bounds of the present state into the memory, and return what is a number."""
    before, durations, tails, lengths, longest = shop.before, shop.durations, shop.tails, shop.lengths, shop.longest
    following, job_ready, machine_ready = state.next_operation, state.job_ready, state.machine_ready
    est, ect, legal, machines = state.est, state.ect, state.legal, shop.machines
    heads, heads_then, job_bound, remaining = memory.heads, memory.heads_then, memory.job_bound, memory.remaining
    time, soonest, total, waiting = np.inf, np.inf, 0.0, 0.0
    choices = 0
    for j in range(shop.jobs):
        first, last = j * longest + following[j], j * longest + lengths[j]
        work = before[last - 1] + durations[last - 1]
        job_bound[j] = job_heads(first, last, job_ready[j], machine_ready, machines, before, work, heads)
        remaining[j] = 0.0
        total += work
        if first < last:
            for at in range(first, last):
                heads_then[at] = heads[at]
            remaining[j] = work - before[first]
            waiting += remaining[j]
            time = min(time, est[j])
        if legal[j]:
            choices += 1
            soonest = min(soonest, ect[j])
    place, visits, job_of, step_of = shop.place, shop.visits, shop.job_of, shop.step_of
    slots, order, count, load = memory.slots, memory.order, memory.queue, memory.load
    by_tail, keys, bounds = memory.by_tail, memory.keys, memory.machine_bound
    for m in range(shop.machine_count):
        count[m], load[m] = _waiting(place[m], visits[m], job_of, step_of, following, durations, slots[m], order[m])
        if count[m] > _MANY:
            for s in range(count[m]):
                keys[s] = -heads[slots[m, s]]
            order[m, : count[m]] = np.argsort(keys[: count[m]], kind="mergesort")
        bounds[m] = machine_bound(machine_ready[m], count[m], slots[m], order[m], by_tail, heads, durations, tails)
    bound = max(largest(bounds, shop.machine_count), largest(job_bound, shop.jobs))
    for i, softness in enumerate(SOFTNESS):
        memory.smooth[i] = smooth(bounds, job_bound, shop.machine_count, shop.jobs, bound, softness)
    time = min(time, bound)  # nothing waits: the end
    return Present(bound, time, soonest, max(bound - time, shop.unit), total, waiting, choices)


@inlined
def _waiting(
    place: Whole,
    visits: Flags,
    job_of: Whole,
    step_of: Whole,
    following: Whole,
    durations: Floats,
    slots: Whole,
    order: Whole,
) -> tuple[int, float]:
    """Write which operations wait for a machine. Returns how many there are, and their work."""
    count, load = 0, 0.0
    for s in range(len(place)):
        if not visits[s]:
            break
        slot = place[s]
        if step_of[slot] >= following[job_of[slot]]:
            slots[count], order[count] = slot, count
            count += 1
            load += durations[slot]
    return count, load


@inlined
def write_context(shop: Shop, present: Present, memory: Memory, row: Floats) -> None:
    """The features of the shop, in the order of their names.

    Args:
        shop: the shop.
        present: what is known of its state.
        memory: likewise.
        row: ``[C]``, to be written.
    """
    bound, horizon, machines, jobs = present.bound, present.horizon, shop.machine_count, shop.jobs
    elapsed = present.time * machines
    idle = 1.0 - (present.work - present.waiting) / max(elapsed, 1.0) if elapsed > 0 else 0.0
    row[0] = 1.0 - present.waiting / present.work
    row[1] = np.log(jobs / machines)
    row[2] = squash(horizon / shop.unit)
    row[3] = squash(present.choices)
    row[4] = mean(memory.load, machines) / horizon
    row[5] = largest(memory.load, machines) / horizon
    row[6] = spread(memory.load, machines, horizon)
    row[7] = mean(memory.remaining, jobs) / horizon
    row[8] = largest(memory.remaining, jobs) / horizon
    row[9] = spread(memory.remaining, jobs, horizon)
    row[10] = mean(memory.machine_bound, machines) / bound
    row[11] = spread(memory.machine_bound, machines, bound)
    row[12] = share_above(memory.machine_bound, machines, _CRITICAL * bound)
    row[13] = share_above(memory.job_bound, jobs, _CRITICAL * bound)
    row[14] = memory.smooth[1] / bound - 1.0
    row[15] = min(max(idle, -1.0), 1.0)
