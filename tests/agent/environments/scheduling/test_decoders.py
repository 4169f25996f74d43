"""Decoders: greedy, and the best of many samples."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from mtl.agent.environments.scheduling.decoders import Decoder, Greedy, Sample, rows_at_once
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.errors import InputError
from mtl.suites.scheduling.constraints import Constraints
from mtl.suites.scheduling.instance import JobShop, from_routes
from mtl.suites.scheduling.mirror import mirrored
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator


def makespans(instances: list[JobShop], starts: Tensor) -> list[int]:
    """Of feasible schedules: Schedule checks them."""
    return [Schedule.of(instance, row).makespan for instance, row in zip(instances, starts, strict=True)]


def test_greedy_is_the_rollout(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)
    assert torch.equal(Greedy().decode(policy, shops), rollout(policy, Simulator(shops)).starts)


def test_from_both_ends_schedules_are_feasible_and_never_longer(policy: Policy, instances: list[JobShop]) -> None:
    """And as short as those of the shops backwards, also in padding and of jobs of unlike length."""
    unlike = from_routes("unlike", [[(0, 3), (1, 2)], [(1, 4), (0, 1), (1, 1)], [(2, 5)]], range(4))
    instances = [*instances, unlike, *select("ft06")]
    forwards, backwards, both = (
        makespans(some, decoder.decode(policy, Shops.pack(some)))
        for decoder, some in (
            (Greedy(), instances),
            (Greedy(), [mirrored(one) for one in instances]),
            (Greedy(mirror=True), instances),
        )
    )
    assert both == [min(pair) for pair in zip(forwards, backwards, strict=True)]
    assert any(b < a for a, b in zip(forwards, backwards, strict=True))


def test_shops_with_dates_are_built_from_the_start_alone(policy: Policy) -> None:
    (shop,) = select("ft06")
    shops = Shops.pack([replace(shop, constraints=Constraints(releases=(9, 0, 0, 0, 0, 0)))])
    assert torch.equal(Greedy(mirror=True).decode(policy, shops), Greedy().decode(policy, shops))


def test_samples_without_temperature_are_greedy(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)
    greedy = rollout(policy, Simulator(shops)).starts
    cold = Sample(2, temperature=1e-9)
    second = rollout(cold.with_noise(policy, torch.ones(len(shops), dtype=torch.long)), Simulator(shops)).starts
    assert torch.equal(second, greedy)
    assert torch.equal(cold.decode(policy, shops), greedy)


def test_one_sample_is_greedy(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)
    assert torch.equal(Sample(1).decode(policy, shops), Greedy().decode(policy, shops))


def test_best_of_n_is_the_best_of_its_samples(policy: Policy, instances: list[JobShop]) -> None:
    """Sample by sample, each alone."""
    shops, decoder = Shops.pack(instances), Sample(12, temperature=1.0, seed=4)
    each = [
        makespans(instances, rollout(decoder.with_noise(policy, torch.full((3,), k)), Simulator(shops)).starts)
        for k in range(12)
    ]
    assert makespans(instances, decoder.decode(policy, shops)) == [min(column) for column in zip(*each, strict=True)]
    assert all(len(set(column)) > 1 for column in zip(*each, strict=True)), "samples do not differ"


def test_more_samples_are_never_worse(policy: Policy, instances: list[JobShop]) -> None:
    found = [makespans(instances, Sample(n).decode(policy, Shops.pack(instances))) for n in (1, 2, 8, 32)]
    for fewer, more in pairwise(found):
        assert all(b <= a for a, b in zip(fewer, more, strict=True))


@pytest.mark.parametrize("rows", [5, 7, 1000])
def test_the_size_of_chunks_does_not_change_the_result(policy: Policy, instances: list[JobShop], rows: int) -> None:
    shops = Shops.pack(instances)
    assert torch.equal(Sample(12, rows=rows).decode(policy, shops), Sample(12).decode(policy, shops))
    assert torch.equal(Greedy(rows=rows).decode(policy, shops), Greedy().decode(policy, shops))


def test_a_schedule_is_independent_of_the_other_shops(policy: Policy, instances: list[JobShop]) -> None:
    together = Sample(8).decode(policy, Shops.pack(instances))
    alone = [Sample(8).decode(policy, Shops.pack([instance]))[0] for instance in instances]
    assert torch.equal(together, torch.stack(alone))


def test_the_seed_decides(policy: Policy, instances: list[JobShop]) -> None:
    shops = Shops.pack(instances)

    def draw(seed: int) -> Tensor:
        return Sample(4, temperature=5.0, seed=seed).decode(policy, shops)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


@pytest.mark.parametrize("decoder", [Greedy(), Sample(3)], ids=["greedy", "sample"])
def test_shops_of_different_sizes(policy: Policy, decoder: Decoder) -> None:
    """Padding is left out of the schedules."""
    sizes = [(2, 3), (4, 2), (1, 1)]
    generator = torch.Generator().manual_seed(0)
    instances = [
        JobShop(
            f"{jobs}x{machines}",
            torch.randint(1, 9, (jobs, machines), generator=generator).numpy(),
            torch.stack([torch.randperm(machines, generator=generator) for _ in range(jobs)]).numpy(),
        )
        for jobs, machines in sizes
    ]
    for instance, makespan in zip(
        instances, makespans(instances, decoder.decode(policy, Shops.pack(instances))), strict=True
    ):
        assert makespan >= instance.trivial_bound


def test_large_shops_are_built_in_smaller_groups() -> None:
    def shop(jobs: int, machines: int) -> Shops:
        return Shops.pack(
            [JobShop("x", torch.ones(jobs, machines).long().numpy(), torch.arange(machines).repeat(jobs, 1).numpy())]
        )

    assert rows_at_once(shop(6, 6)) > rows_at_once(shop(15, 15)) > rows_at_once(shop(100, 20)) >= 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sample(0), "samples=0"),
        (lambda: Sample(-3), "samples=-3"),
        (lambda: Sample(4, temperature=0.0), "temperature=0.0"),
        (lambda: Sample(4, temperature=float("nan")), "temperature=nan"),
        (lambda: Sample(4, rows=0), "rows=0"),
        (lambda: Greedy(rows=0), "rows=0"),
        (lambda: Sample(4, seed=2**70), "decoder.seed="),
    ],
    ids=["none", "negative", "cold", "nan", "rows", "greedy_rows", "seed"],
)
def test_bad_settings(make: type, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make()
