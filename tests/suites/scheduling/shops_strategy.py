"""Random job shops for property tests."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import strategies as st

from mtl.suites.scheduling.alternatives import pad_alternatives
from mtl.suites.scheduling.constraints import Constraints, Downtime, Objective
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator


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


@st.composite
def constrained_shops(draw: st.DrawFn, objective: Objective = "makespan", largest: int = 5) -> JobShop:
    """A job shop with release and due dates, weights, downtimes, and perhaps with work begun and frozen.

    A job may be due before it is released: it is late in any case.
    What is fixed is the beginning of some schedule, so that it can be kept.
    """
    shop = draw(job_shops(largest))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    span = int(shop.durations.sum()) + 1
    releases = random.integers(0, span, shop.jobs) * random.integers(0, 2, shop.jobs)
    starts = random.integers(0, span, draw(st.integers(0, 4)))
    downtimes = [
        Downtime(int(random.integers(shop.machine_count)), int(start), int(start + random.integers(1, span + 1)))
        for start in starts
    ]
    constraints = Constraints(
        releases=tuple(releases.tolist()),
        due=tuple(int(random.integers(release + span)) if random.random() < 0.8 else None for release in releases),
        weights=tuple(random.integers(0, 5, shop.jobs).tolist()),
        downtimes=tuple(downtimes),
    )
    if not constraints.dated:
        constraints = replace(constraints, due=(span, *constraints.due[1:]))
    shop = replace(shop, constraints=constraints, objective=objective)
    if draw(st.booleans()):
        return shop
    generator = torch.Generator().manual_seed(int(random.integers(2**31)))
    begun = rollout(lambda state: torch.rand(state.est.shape, generator=generator), Simulator(Shops.pack([shop])))
    now = int(random.integers(2 * span))
    frozen = now + int(random.integers(3)) * int(random.integers(span))
    fixed = tuple(tuple(int(start) for start in row if 0 <= start < frozen) for row in begun.starts[0].tolist())
    return replace(shop, constraints=replace(constraints, now=now, fixed=fixed))


@st.composite
def flexible_shops(draw: st.DrawFn, objective: Objective = "makespan", largest: int = 4) -> JobShop:
    """A job shop whose operations some machines can do, each in its time; perhaps with constraints, and work begun."""
    shop = draw(job_shops(largest) if objective == "makespan" else constrained_shops(objective, largest))
    shop = draw(st.sampled_from([shop, draw(constrained_shops(objective, largest))]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    routes = []
    for job in range(shop.jobs):
        route = []
        for place in range(int(shop.lengths[job])):
            own = (int(shop.machines[job, place]), int(shop.durations[job, place]))
            others = [machine for machine in range(shop.machine_count) if machine != own[0] and random.random() < 0.4]
            route.append([own, *((machine, int(random.integers(0, 12))) for machine in others)])
        routes.append(route)
    alternatives = pad_alternatives(routes)
    return replace(shop, alternatives=alternatives)
