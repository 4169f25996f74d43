"""A job shop backwards: its schedules, reversed in time, are schedules of the shop."""

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
