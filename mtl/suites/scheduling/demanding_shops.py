"""Generated shops with due dates, or with a choice of machines."""

from dataclasses import replace

import numpy as np

from mtl.errors import unknown
from mtl.suites.scheduling.alternatives import Option, pad_alternatives
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop

DEMANDS = ("due_dates", "machines")
WEIGHTS = ((1, 2, 4), (0.2, 0.6, 0.2))  # of jobs, and how frequent they are
TIGHTNESS = (1.2, 2.0)  # time until a job is due, as a multiple of its work
MOST_MACHINES = 3  # that can do an operation
SLOWEST = 2.0  # times as long as on the first of them


def demanding_shop(demand: str, seed: int, stream: int, index: int, jobs: int, machines: int) -> JobShop:
    """Instance ``index`` of the series ``(seed, stream)``; durations and routes are drawn as by :func:`taillard`.

    Shops of unlike index, size or stream are independent of each other.

    With ``due_dates`` weighted tardiness counts. Weights of jobs and the due date, a multiple of the job's work after
    its release, are drawn in the manner of M. Singer and M. Pinedo, "A computational study of branch and bound
    techniques for minimizing the total weighted tardiness in job shops", IIE Transactions 30(2), 1998,
    https://doi.org/10.1080/07408179808966443. Deviations: the multiple is drawn for each shop, uniformly, in place of
    three fixed ones; in half of the shops jobs are released one after the other, over half of the mean work of a
    machine.

    With ``machines`` one to three machines can do each operation: that of the route, and others drawn at random, as in
    J. Hurink, B. Jurisch and M. Thole, OR Spektrum 15, 1994, https://doi.org/10.1007/BF01719451. In half of the shops
    it takes as long on each of them, in the others up to twice as long.

    Args:
        demand: one of ``DEMANDS``.
        seed: of the series.
        stream: of the series.
        index: of the instance.
        jobs: how many.
        machines: how many.

    Returns:
        The shop.

    Raises:
        InputError: there is no such demand.
    """
    if demand not in DEMANDS:
        raise unknown("demand", demand, DEMANDS)
    # Shops of one number and unlike size would else have durations in common, and not be independent of each other
    own, further = np.random.SeedSequence([seed, stream, index, jobs, machines]).generate_state(2).tolist()
    plain = taillard(own, stream, index, (jobs, jobs), (machines, machines))
    random = np.random.default_rng(further)
    return with_due_dates(plain, random) if demand == "due_dates" else with_machines(plain, random)


def with_due_dates(shop: JobShop, random: np.random.Generator) -> JobShop:
    """The shop with release dates, due dates and weights of its jobs."""
    work = shop.durations.sum(1)
    spread = work.sum() / shop.machine_count / 2 * random.integers(2)
    releases = np.floor(random.uniform(0.0, 1.0, shop.jobs) * spread).astype(int)
    due = releases + np.floor(random.uniform(*TIGHTNESS) * work).astype(int)
    weights = random.choice(WEIGHTS[0], shop.jobs, p=WEIGHTS[1])
    given = replace(
        shop.constraints, releases=tuple(releases.tolist()), due=tuple(due.tolist()), weights=tuple(weights.tolist())
    )
    return replace(shop, constraints=given, objective="weighted_tardiness")


def with_machines(shop: JobShop, random: np.random.Generator) -> JobShop:
    """The shop with a choice of machines for its operations."""
    slowest = random.choice([1.0, SLOWEST])
    most = min(MOST_MACHINES, shop.machine_count)

    def options(machine: int, duration: int) -> list[Option]:
        others = random.permutation(np.delete(np.arange(shop.machine_count), machine))
        chosen = others[: random.integers(most)].tolist()
        return [(machine, duration), *((one, round(duration * random.uniform(1.0, slowest))) for one in chosen)]

    rows = zip(shop.machines.tolist(), shop.durations.tolist(), strict=True)
    given = pad_alternatives([[options(*both) for both in zip(*row, strict=True)] for row in rows])
    machines = given.balanced(shop.machine_count)
    return replace(shop, machines=machines, durations=given.durations_on(machines), alternatives=given)
