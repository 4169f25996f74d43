"""One step ahead: the bounds after a candidate is dispatched, in compiled loops."""

from mtl.suites.scheduling.loops.arrays import Memory, Shop, State, Whole
from mtl.suites.scheduling.loops.bounds import job_heads, machine_bound
from mtl.suites.scheduling.loops.compiled import inlined


@inlined
def look_ahead(j: int, shop: Shop, state: State, memory: Memory) -> None:
    """Write the bounds of all machines and jobs after dispatching job ``j``; the state stays as it is.

    Only jobs that visit the machine later can have new heads, and only machines that they visit new bounds.
    """
    # Each array is taken out of its tuple once: that is counted, and so slow within a loop
    machines, before, durations, tails = shop.machines, shop.before, shop.durations, shop.tails
    longest, lengths, job_of = shop.longest, shop.lengths, shop.job_of
    following, job_ready, machine_ready = state.next_operation, state.job_ready, state.machine_ready
    touched, moved, heads, heads_then = memory.touched, memory.moved, memory.heads, memory.heads_then
    job_then, machine_then = memory.job_then, memory.machine_then
    count, slots, slots_then = memory.queue, memory.slots, memory.slots_then
    order, order_then, by_tail = memory.order, memory.order_then, memory.by_tail

    m, own = state.machine[j], j * longest + following[j]
    machine_before, job_before = machine_ready[m], job_ready[j]
    machine_ready[m] = job_ready[j] = state.ect[j]
    touched[:], moved[:] = False, False
    touched[m] = touched[machines[own]] = True  # two where several machines can do the operation
    for s in range(count[m]):
        moved[job_of[slots[m, s]]] = True
    moved[j] = True
    job_then[:] = memory.job_bound
    machine_then[:] = memory.machine_bound
    for i in range(shop.jobs):
        if moved[i]:
            first, last = i * longest + following[i] + (1 if i == j else 0), i * longest + lengths[i]
            work = before[last - 1] + durations[last - 1]
            job_then[i] = job_heads(first, last, job_ready[i], machine_ready, machines, before, work, heads_then)
            for at in range(first, last):
                if heads_then[at] != heads[at]:
                    touched[machines[at]] = True
    for i in range(shop.machine_count):
        if touched[i]:
            left = _without(own, count[i], slots[i], order[i], slots_then, order_then)
            machine_then[i] = machine_bound(
                machine_ready[i], left, slots_then, order_then, by_tail, heads_then, durations, tails
            )
    machine_ready[m], job_ready[j] = machine_before, job_before
    for i in range(shop.jobs):
        if moved[i]:
            for at in range(i * longest + following[i], i * longest + lengths[i]):
                heads_then[at] = heads[at]


@inlined
def _without(gone: int, count: int, slots: Whole, order: Whole, slots_then: Whole, order_then: Whole) -> int:
    """The operations of a machine but ``gone``, and their order. Returns how many there are."""
    place, left = count, 0
    for s in range(count):
        if slots[s] == gone:
            place = s
        else:
            slots_then[left] = slots[s]
            left += 1
    at = 0
    for s in range(count):
        ahead = order[s]
        if ahead != place:
            order_then[at] = ahead - (1 if ahead > place else 0)
            at += 1
    return left
