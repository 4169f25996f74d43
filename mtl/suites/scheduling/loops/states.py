"""Features of many states, compiled."""

from typing import NamedTuple

from mtl.suites.scheduling.loops.arrays import Flags, Floats, ShopArrays, Whole, empty_memory, empty_state, shop_of
from mtl.suites.scheduling.loops.candidate import write_candidates
from mtl.suites.scheduling.loops.compiled import compiled
from mtl.suites.scheduling.loops.present import look, write_context


class StateArrays(NamedTuple):
    """N states, by the names of :class:`~mtl.suites.scheduling.simulator.Simulator`.

    Attributes:
        next_operation: ``[N, J]``, as all but ``machine_ready``.
        job_ready: end of the job's last scheduled operation.
        machine: of the next operation, as all that follow.
        duration: how long it takes.
        est: its earliest start.
        ect: its earliest end.
        legal: whether it is a candidate.
        machine_ready: ``[N, M]`` end of the machine's last scheduled operation.
    """

    next_operation: Whole
    job_ready: Floats
    machine: Whole
    duration: Floats
    est: Floats
    ect: Floats
    legal: Flags
    machine_ready: Floats


@compiled
def measure(shops: ShopArrays, states: StateArrays, candidates: Floats, context: Floats, bounds: Floats) -> None:
    """Write the features of N states.

    Args:
        shops: N shops.
        states: a state of each.
        candidates: ``[N, W, F]``, to be written, 0 so far; W = 0: not asked for.
        context: ``[N, C]``, to be written.
        bounds: ``[N]``, to be written: lower bounds of the makespans.
    """
    memory = empty_memory(shops)
    state = empty_state(shops.lengths.shape[1], shops.place.shape[1])
    for n in range(len(bounds)):
        shop = shop_of(shops, n)
        state.next_operation[:] = states.next_operation[n]
        state.job_ready[:] = states.job_ready[n]
        state.machine[:] = states.machine[n]
        state.duration[:] = states.duration[n]
        state.est[:] = states.est[n]
        state.ect[:] = states.ect[n]
        state.legal[:] = states.legal[n]
        state.machine_ready[:] = states.machine_ready[n]
        present = look(shop, state, memory)
        bounds[n] = present.bound
        write_context(shop, present, memory, context[n])
        if candidates.shape[1] > 0:
            write_candidates(shop, state, present, memory, candidates[n])
