"""Training and validation instances: drawn from Taillard's distribution."""

import numpy as np

from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop

Range = tuple[int, int]


def taillard(seed: int, stream: int, index: int, jobs: Range = (6, 10), machines: Range = (6, 10)) -> JobShop:
    """Instance ``index`` of the series ``(seed, stream)``: durations uniform in 1..99, machine orders uniform.

    The distribution of E. Taillard, "Benchmarks for basic scheduling problems", European Journal of Operational
    Research 64(2), 1993, https://doi.org/10.1016/0377-2217(93)90182-M. An instance depends on the arguments alone, not
    on how many others are drawn; each split has a stream of its own. Numbers of jobs and machines are uniform in the
    given ranges, ends included.

    Deviation: numpy's generator in place of the paper's, so the published instances themselves are not among these.
    """
    for name, (low, high) in {"jobs": jobs, "machines": machines}.items():
        if not 1 <= low <= high:
            raise InputError(
                f"{name}=[{low}, {high}]: expected a range [smallest, largest] with 1 <= smallest <= largest"
            )
    random = np.random.default_rng([seed, stream, index])
    size = (int(random.integers(jobs[0], jobs[1] + 1)), int(random.integers(machines[0], machines[1] + 1)))
    durations = random.integers(1, 100, size)
    orders = random.permuted(np.tile(np.arange(size[1]), (size[0], 1)), axis=1)
    return JobShop(f"generated-{seed}-{stream}-{index}", durations, orders)
