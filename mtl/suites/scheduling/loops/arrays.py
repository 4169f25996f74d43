"""The arrays that compiled loops share: of a shop, of a state, and memory that is used again for every state."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.loops.compiled import inlined

Floats = NDArray[np.float32]
Exact = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Softness of the smooth bounds, as fractions of the lower bound: how far below the largest bound others still count.
SOFTNESS = (0.01, 0.03, 0.08)


class ShopArrays(NamedTuple):
    """N shops, by the names of :class:`~mtl.suites.scheduling.shops.Shops`; operations of all jobs in one row.

    Attributes:
        durations: ``[N, J K]``, as all to ``tails``.
        machines: of each operation.
        before: work of the job before each.
        tails: work of the job after each.
        place: ``[N, M, S]``.
        visits: ``[N, M, S]``.
        unit: ``[N]``.
        jobs: ``[N]``.
        lengths: ``[N, J]``.
        machine_count: ``[N]``.
        job_of: ``[J K]`` the job of each operation, in all shops.
        step_of: ``[J K]`` which operation of its job each one is.
    """

    durations: Floats
    machines: Whole
    before: Floats
    tails: Floats
    place: Whole
    visits: Flags
    unit: Floats
    jobs: Whole
    lengths: Whole
    machine_count: Whole
    job_of: Whole
    step_of: Whole


class Shop(NamedTuple):
    """One shop; attributes as in :class:`ShopArrays` without N, and K as ``longest``."""

    durations: Floats
    machines: Whole
    before: Floats
    tails: Floats
    place: Whole
    visits: Flags
    unit: float
    jobs: int
    lengths: Whole
    machine_count: int
    longest: int
    job_of: Whole
    step_of: Whole


class State(NamedTuple):
    """A partly built schedule of one shop, by the names of :class:`~mtl.suites.scheduling.simulator.Simulator`.

    Attributes:
        next_operation: ``[J]``, as all but ``machine_ready``.
        job_ready: end of the job's last scheduled operation.
        machine: of the next operation, as all that follow.
        duration: how long it takes.
        est: its earliest start.
        ect: its earliest end.
        legal: whether it is a candidate.
        machine_ready: ``[M]`` end of the machine's last scheduled operation.
    """

    next_operation: Whole
    job_ready: Exact
    machine: Whole
    duration: Exact
    est: Exact
    ect: Exact
    legal: Flags
    machine_ready: Exact


class Memory(NamedTuple):
    """What is known of the present state, and after dispatching a candidate (``_then``).

    Attributes:
        heads: ``[J K]`` earliest starts of the waiting operations when only routes bind.
        heads_then: after the candidate; equal to ``heads`` in between.
        machine_bound: ``[M]``.
        machine_then: ``[M]``.
        job_bound: ``[J]``.
        job_then: ``[J]``.
        load: ``[M]`` waiting work.
        remaining: ``[J]`` likewise.
        queue: ``[M]`` waiting operations.
        slots: ``[M, S]`` these, the largest tails first.
        order: ``[M, S]`` places in ``slots``, the largest heads first.
        slots_then: ``[S]`` of one machine.
        order_then: ``[S]`` likewise.
        by_tail: ``[S]`` of one machine.
        keys: ``[S]`` likewise.
        touched: ``[M]`` whose bound may change.
        moved: ``[J]`` whose heads may change.
        smooth: smooth bounds, one for each softness.
        least: smallest value among the candidates of what the regrets are of.
    """

    heads: Exact
    heads_then: Exact
    machine_bound: Exact
    machine_then: Exact
    job_bound: Exact
    job_then: Exact
    load: Exact
    remaining: Exact
    queue: Whole
    slots: Whole
    order: Whole
    slots_then: Whole
    order_then: Whole
    by_tail: Whole
    keys: Exact
    touched: Flags
    moved: Flags
    smooth: Exact
    least: Exact


@inlined
def shop_of(shops: ShopArrays, n: int) -> Shop:
    """The shop with number ``n``."""
    return Shop(
        shops.durations[n],
        shops.machines[n],
        shops.before[n],
        shops.tails[n],
        shops.place[n],
        shops.visits[n],
        shops.unit[n],
        shops.jobs[n],
        shops.lengths[n],
        shops.machine_count[n],
        shops.durations.shape[1] // shops.lengths.shape[1],
        shops.job_of,
        shops.step_of,
    )


@inlined
def empty_state(jobs: int, machines: int) -> State:
    """Arrays for states of shops of up to so many jobs and machines."""
    return State(
        np.zeros(jobs, np.int64),
        np.zeros(jobs),
        np.zeros(jobs, np.int64),
        np.zeros(jobs),
        np.zeros(jobs),
        np.zeros(jobs),
        np.zeros(jobs, np.bool_),
        np.zeros(machines),
    )


@inlined
def empty_memory(shops: ShopArrays) -> Memory:
    """Memory that is large enough for each of the shops."""
    jobs, operations = shops.lengths.shape[1], shops.durations.shape[1]
    machines, slots = shops.place.shape[1], shops.place.shape[2]
    return Memory(
        np.empty(operations),
        np.empty(operations),
        np.empty(machines),
        np.empty(machines),
        np.empty(jobs),
        np.empty(jobs),
        np.empty(machines),
        np.empty(jobs),
        np.empty(machines, np.int64),
        np.empty((machines, slots), np.int64),
        np.empty((machines, slots), np.int64),
        np.empty(slots, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots),
        np.empty(machines, np.bool_),
        np.empty(jobs, np.bool_),
        np.empty(len(SOFTNESS)),
        np.empty(4 + len(SOFTNESS)),
    )
