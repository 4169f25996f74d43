"""Random job shops for property tests."""

import numpy as np
from hypothesis import strategies as st

from mtl.suites.scheduling.instance import JobShop


@st.composite
def job_shops(draw: st.DrawFn, largest: int = 6) -> JobShop:
    """A job shop of 1..largest jobs and machines; few different durations, zero among them: ties are frequent."""
    jobs, machines = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    top = draw(st.sampled_from([2, 10, 99]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    durations = random.integers(0, top + 1, (jobs, machines))
    durations[0, 0] = top  # not everything may take no time
    orders = random.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
    return JobShop("drawn", durations, orders)


mixed = st.lists(job_shops(), min_size=1, max_size=4)
seeds = st.integers(0, 2**31 - 1)
