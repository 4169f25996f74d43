"""The dynamics of building one schedule, in compiled loops: those of a simulator for shops without constraints."""

import numpy as np

from mtl.suites.scheduling.loops.arrays import Flags, Shop, State
from mtl.suites.scheduling.loops.compiled import inlined


@inlined
def begin(shop: Shop, state: State) -> None:
    """The state before anything is dispatched."""
    state.next_operation[:] = 0
    state.job_ready[:] = 0.0
    state.machine_ready[:] = 0.0


@inlined
def find_candidates(shop: Shop, state: State, contested: Flags, crowded: Flags) -> int:
    """Write what follows from ``next_operation`` and the ready times, the conflict set above all.

    Args:
        shop: the shop.
        state: its state.
        contested: ``[M]`` memory.
        crowded: ``[M]`` memory.

    Returns:
        The number of candidates; 0 when all is scheduled.
    """
    following, job_ready, machine_ready = state.next_operation, state.job_ready, state.machine_ready
    machine, duration, est, ect, legal = state.machine, state.duration, state.est, state.ect, state.legal
    lengths, machines, durations, longest = shop.lengths, shop.machines, shop.durations, shop.longest
    soonest = np.inf
    for j in range(shop.jobs):
        if following[j] < lengths[j]:
            at = j * longest + following[j]
            machine[j], duration[j] = machines[at], durations[at]
            est[j] = max(job_ready[j], machine_ready[machine[j]])
            ect[j] = est[j] + duration[j]
            soonest = min(soonest, ect[j])
    contested[:], crowded[:], legal[:] = False, False, False
    for j in range(shop.jobs):
        if following[j] < lengths[j] and ect[j] <= soonest:
            contested[machine[j]] = True
    choices = 0
    for j in range(shop.jobs):
        if following[j] < lengths[j] and contested[machine[j]] and est[j] < soonest:
            legal[j] = crowded[machine[j]] = True
            choices += 1
    # An operation of duration 0 does not start before it ends: it goes where nobody else can
    for j in range(shop.jobs):
        if following[j] < lengths[j] and ect[j] <= soonest and not crowded[machine[j]]:
            legal[j] = True
            choices += 1
    return choices


@inlined
def dispatch(j: int, state: State) -> None:
    """Schedule the next operation of a candidate."""
    state.job_ready[j] = state.machine_ready[state.machine[j]] = state.ect[j]
    state.next_operation[j] += 1
