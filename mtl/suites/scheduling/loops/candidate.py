"""The features of the candidates of one state, in compiled loops."""

import numpy as np

from mtl.suites.scheduling.loops.ahead import look_ahead
from mtl.suites.scheduling.loops.arrays import SOFTNESS, Floats, Memory, Shop, State
from mtl.suites.scheduling.loops.compiled import inlined
from mtl.suites.scheduling.loops.present import Present
from mtl.suites.scheduling.loops.sums import largest, mean, smooth, squash

# Columns of the regrets, in the order of Memory.least
_REGRETS = (26, 28, 36, 38, 30, 32, 34)


@inlined
def write_candidates(shop: Shop, state: State, present: Present, memory: Memory, rows: Floats) -> None:
    """The features of each candidate, in the order of their names.

    Args:
        shop: the shop.
        state: its state.
        present: what is known of it.
        memory: likewise.
        rows: ``[W, F]``, to be written, 0 so far; jobs ascending.
    """
    memory.least[:] = np.inf
    w = 0
    for j in range(shop.jobs):
        if state.legal[j]:
            _write_own(j, shop, state, present, memory, rows[w])
            _write_others(j, shop, state, present, memory, rows[w])
            _write_ahead(j, shop, state, present, memory, rows[w])
            w += 1
    for c in range(w):
        for i, column in enumerate(_REGRETS):
            rows[c, column] = squash((rows[c, column] - memory.least[i]) / shop.unit)


@inlined
def _write_own(j: int, shop: Shop, state: State, present: Present, memory: Memory, row: Floats) -> None:
    """The operation, its job, its machine, and the machine that comes next."""
    own, last = j * shop.longest + state.next_operation[j], j * shop.longest + shop.lengths[j]
    m, unit = state.machine[j], shop.unit
    duration, start, end, tail = state.duration[j], state.est[j], state.ect[j], shop.tails[own]
    row[0] = squash(duration / unit)
    row[1] = squash((start - present.time) / unit)
    row[2] = squash((end - present.soonest) / unit)
    row[3] = squash((start - state.machine_ready[m]) / unit)
    row[4] = squash((start - state.job_ready[j]) / unit)
    row[5] = squash(tail / unit)
    row[6] = tail / present.horizon
    row[7] = 1.0 - (duration + tail) / max(shop.before[own] + duration + tail, 1.0)
    row[8] = squash((present.bound - memory.job_bound[j]) / unit)
    row[9] = 1.0 if own + 1 == last else 0.0
    row[10] = memory.load[m] / present.horizon
    row[11] = squash((present.bound - memory.machine_bound[m]) / unit)
    row[12] = memory.queue[m] / shop.jobs
    if own + 1 < last:
        onward = shop.machines[own + 1]
        row[21] = squash((state.machine_ready[onward] - end) / unit)
        row[22] = memory.load[onward] / present.horizon
        row[23] = squash((present.bound - memory.machine_bound[onward]) / unit)
        row[24] = memory.queue[onward] / shop.jobs


@inlined
def _write_others(j: int, shop: Shop, state: State, present: Present, memory: Memory, row: Floats) -> None:
    """The other operations of the machine. Later visits of the candidate's own job are no others."""
    m, unit = state.machine[j], shop.unit
    duration, start, end = state.duration[j], state.est[j], state.ect[j]
    tail = shop.tails[j * shop.longest + state.next_operation[j]]
    rivals, comers = 0, 0
    rival_tail, rival_start, rival_over, comer_over = -np.inf, np.inf, -np.inf, -np.inf
    rival_duration, rival_delay = 0.0, 0.0
    slots, heads, durations, tails = memory.slots[m], memory.heads, shop.durations, shop.tails
    job_of, step_of, following, legal = shop.job_of, shop.step_of, state.next_operation, state.legal
    for s in range(memory.queue[m]):
        slot = slots[s]
        other = job_of[slot]
        if other == j:
            continue
        head = heads[slot]
        over = max(head, end) + durations[slot] + tails[slot] - present.bound
        if step_of[slot] == following[other] and legal[other]:
            rivals += 1
            rival_tail = max(rival_tail, tails[slot])
            rival_start = min(rival_start, head)
            rival_over = max(rival_over, over)
            rival_duration += durations[slot]
            rival_delay += max(end - head, 0.0)
        if head < end:
            comers += 1
            comer_over = max(comer_over, over)
    row[13] = squash(rivals)
    if rivals > 0:
        row[14] = squash((tail - rival_tail) / unit)
        row[15] = squash((duration - rival_duration / rivals) / unit)
        row[16] = squash((start - rival_start) / unit)
        row[17] = squash(rival_delay / rivals / unit)
        row[18] = squash(rival_over / unit)
    row[19] = comers / shop.jobs
    if comers > 0:
        row[20] = squash(comer_over / unit)


@inlined
def _write_ahead(j: int, shop: Shop, state: State, present: Present, memory: Memory, row: Floats) -> None:
    """How the bounds move. Columns of regrets hold what they are regrets of, until all candidates are known."""
    look_ahead(j, shop, state, memory)
    unit, machines, jobs = shop.unit, shop.machine_count, shop.jobs
    bound = max(largest(memory.machine_then, machines), largest(memory.job_then, jobs))
    own = memory.machine_then[state.machine[j]]
    all_machines, all_jobs = mean(memory.machine_then, machines), mean(memory.job_then, jobs)
    row[25] = squash((bound - present.bound) / unit)
    row[27] = squash((own - memory.machine_bound[state.machine[j]]) / unit)
    row[35] = squash((all_machines - mean(memory.machine_bound, machines)) / unit)
    row[37] = squash((all_jobs - mean(memory.job_bound, jobs)) / unit)
    row[39] = squash((bound - own) / unit)
    row[26], row[28], row[36], row[38] = bound, own, all_machines, all_jobs
    for i, softness in enumerate(SOFTNESS):
        value = smooth(memory.machine_then, memory.job_then, machines, jobs, present.bound, softness)
        row[29 + 2 * i] = squash((value - memory.smooth[i]) / unit)
        row[30 + 2 * i] = value
    for i, column in enumerate(_REGRETS):
        memory.least[i] = min(memory.least[i], row[column])
