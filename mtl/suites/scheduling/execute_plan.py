"""Execution of a plan with other durations than it was made for."""

import numpy as np
from numpy.typing import NDArray

from mtl.suites.scheduling.instance import JobShop


def execute_plan(planned: JobShop, starts: NDArray[np.int64], true: JobShop) -> NDArray[np.int64]:
    """Execute a plan with the true durations.

    Every machine keeps the plan's order of operations, and each operation starts as soon as its machine and its job
    are free. Nothing is planned anew on the way, so that the result tells what the plan was worth.

    Args:
        planned: the instance that was planned for.
        starts: the plan, ``[J, K]`` in the order of each job's route.
        true: the same routes with the true durations.

    Returns:
        Start times ``[J, K]``.

    Raises:
        ValueError: the routes differ.
    """
    if not np.array_equal(planned.machines, true.machines):
        raise ValueError(f"instances {planned.name} and {true.name} have different routes")
    _, place = np.indices(starts.shape)
    ends = starts + planned.durations
    out = np.full_like(starts, -1)
    job_free, machine_free = np.zeros(true.jobs, dtype=np.int64), np.zeros(true.machine_count, dtype=np.int64)
    for flat in np.lexsort((place.ravel(), ends.ravel(), starts.ravel())):
        job, operation = divmod(int(flat), starts.shape[1])
        if not true.exists[job, operation]:
            continue
        machine = true.machines[job, operation]
        out[job, operation] = max(job_free[job], machine_free[machine])
        job_free[job] = machine_free[machine] = out[job, operation] + true.durations[job, operation]
    return out
