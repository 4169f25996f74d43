"""Random job shops for property tests."""

import numpy as np
from hypothesis import strategies as st

from mtl.suites.scheduling.instance import JobShop, from_routes


@st.composite
def job_shops(draw: st.DrawFn, largest: int = 6) -> JobShop:
    """A job shop of 1..largest jobs and machines; few different durations, zero among them: ties are frequent.

    Half of them are classical; the others have jobs of unlike length, which visit some machines several times.
    """
    jobs, machines = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    top = draw(st.sampled_from([2, 10, 99]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    durations = random.integers(0, top + 1, (jobs, machines))
    durations[0, 0] = top  # not everything may take no time
    if draw(st.booleans()):
        orders = random.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
        return JobShop("drawn", durations, orders)
    lengths = random.integers(1, machines + 1, jobs)
    places = random.integers(0, machines, durations.shape)
    routes = [
        list(zip(machine[:length].tolist(), time[:length].tolist(), strict=True))
        for machine, time, length in zip(places, durations, lengths, strict=True)
    ]
    return from_routes("drawn", routes, range(machines))


mixed = st.lists(job_shops(), min_size=1, max_size=4)
seeds = st.integers(0, 2**31 - 1)
