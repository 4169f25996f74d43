"""Job shops backwards: their schedules, reversed in time, are schedules of the shops."""

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.dispatch_order import Operations
from mtl.suites.scheduling.instance import JobShop


def mirrored(instance: JobShop) -> JobShop:
    """The shop whose jobs visit their machines in the reverse order.

    A schedule of it, read from its end to its start, is one of the shop with the same makespan, and the other way
    round. A rule that builds schedules from the front builds quite another one from the back.

    Args:
        instance: a shop without constraints and alternatives.

    Returns:
        The mirrored shop; operation k of a job of n operations is operation n - 1 - k of the shop.
    """
    durations, machines = instance.durations.copy(), instance.machines.copy()
    for job, length in enumerate(instance.lengths.tolist()):
        durations[job, :length] = durations[job, :length][::-1]
        machines[job, :length] = machines[job, :length][::-1]
    return JobShop(f"{instance.name}, mirrored", durations, machines, machine_names=instance.machine_names)


def turned(instance: JobShop, order: list[int]) -> list[int]:
    """A schedule of the mirrored shop as one of the shop.

    Args:
        instance: the shop.
        order: of the operations of the mirrored one, as they are dispatched; numbers as in
            :class:`~mtl.suites.scheduling.dispatch_order.Operations`.

    Returns:
        The order in which the shop's operations are dispatched.
    """
    lengths = instance.lengths
    ends = lengths.cumsum()
    first_and_last = [(int(end - length), int(end) - 1) for length, end in zip(lengths, ends, strict=True)]
    partner = [first + last - one for first, last in first_and_last for one in range(first, last + 1)]
    return [partner[one] for one in reversed(order)]


def read_backwards(instance: JobShop, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """A schedule of the mirrored shop as one of the shop, in which every operation starts as early as it can.

    Args:
        instance: the shop.
        starts: of the mirrored one, ``[J, K]``.

    Returns:
        Start times ``[J, K]``.
    """
    backwards, operations = Operations(mirrored(instance)), Operations(instance)
    order = backwards.sort(range(len(backwards)), backwards.listed(starts))
    return operations.matrix(operations.earliest(turned(instance, order)))
