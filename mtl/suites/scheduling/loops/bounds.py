"""Lower bounds of what a machine or a job still needs, in compiled loops."""

import numpy as np

from mtl.suites.scheduling.loops.arrays import Exact, Floats, Whole
from mtl.suites.scheduling.loops.compiled import inlined


@inlined
def job_heads(
    first: int,
    last: int,
    job_ready: float,
    machine_ready: Exact,
    machines: Whole,
    before: Floats,
    work: float,
    heads: Exact,
) -> float:
    """Write the heads of a job's waiting operations: their earliest starts when only routes bind.

    Args:
        first: number of the first of them.
        last: number after the last one.
        job_ready: end of the job's last scheduled operation.
        machine_ready: ``[M]`` likewise.
        machines: ``[J K]``.
        before: ``[J K]`` work of the job before each operation.
        work: of the whole job.
        heads: ``[J K]``, to be written there.

    Returns:
        The earliest end of the whole job; ``job_ready`` where none is left.
    """
    if first >= last:
        return job_ready
    latest = job_ready - float(before[first])
    for at in range(first, last):
        latest = max(latest, float(machine_ready[machines[at]] - before[at]))
        heads[at] = latest + before[at]
    return max(job_ready, latest + work)


@inlined
def machine_bound(
    ready: float,
    count: int,
    slots: Whole,
    order: Whole,
    by_tail: Whole,
    heads: Exact,
    durations: Floats,
    tails: Floats,
) -> float:
    """No schedule of a machine's waiting operations ends their jobs before this.

    For a set S of operations of one machine, ``min head(S) + sum duration(S) + min tail(S)`` is a bound (J. Carlier,
    "The one-machine sequencing problem", European Journal of Operational Research 11, 1982). The best one over all S is
    that of the preemptive schedule; here two sets per operation are tried: the operations in descending order of (head,
    tail) up to each, and in that of (tail, head) up to each. Ties are frequent (whatever waits for a machine has the
    same head), so that the second key matters: it makes the bound independent of the numbering, and larger.

    Args:
        ready: when the machine is free.
        count: how many operations wait for it.
        slots: ``[S]`` of these, numbers ``job * K + operation``, the largest tails first.
        order: ``[S]`` the same about in descending order of heads, as places in ``slots``; sorted here.
        by_tail: ``[S]`` memory.
        heads: ``[J K]``.
        durations: ``[J K]``.
        tails: ``[J K]``.

    Returns:
        The bound; ``ready`` without operations.
    """
    best = float(ready)
    for place in range(1, count):  # nearly sorted: insertion takes one look at most of them
        moved = order[place]
        head = heads[slots[moved]]
        at = place
        while at > 0:
            ahead = order[at - 1]
            other = heads[slots[ahead]]
            if other > head or (other == head and ahead < moved):
                break
            order[at] = ahead
            at -= 1
        order[at] = moved
    total, tail = 0.0, np.inf
    for place in range(count):
        slot = slots[order[place]]
        total += durations[slot]
        tail = min(tail, float(tails[slot]))
        best = max(best, float(heads[slot]) + total + tail)
    for place in range(count):
        moved = slots[place]
        head, tail = heads[moved], tails[moved]
        at = place
        while at > 0:
            ahead = by_tail[at - 1]
            if tails[ahead] > tail or heads[ahead] >= head:
                break
            by_tail[at] = ahead
            at -= 1
        by_tail[at] = moved
    total, head = 0.0, np.inf
    for place in range(count):
        slot = by_tail[place]
        total += durations[slot]
        head = min(head, float(heads[slot]))
        best = max(best, head + total + float(tails[slot]))
    return best
