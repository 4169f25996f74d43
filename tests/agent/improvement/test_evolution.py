"""An evolution strategy finds a minimum, looks at ranks alone, and repeats itself."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl.agent.improvement.evolution import Evolution

GENERATIONS, SPREAD, RATE = 60, 0.3, 0.7


def search(target: torch.Tensor, seed: int, noise: float = 0.0) -> Evolution:
    evolution = Evolution.start(torch.zeros_like(target))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(GENERATIONS):
        members = evolution.members(24, SPREAD, seed)
        costs = (members - target).square().sum(1) + noise * torch.randn(24, generator=generator)
        evolution.update(members, costs, RATE, GENERATIONS)
    return evolution


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_it_finds_a_minimum_also_through_noise(seed: int) -> None:
    target = torch.randn(6, generator=torch.Generator().manual_seed(seed))
    assert (search(target, seed).average - target).norm() < 0.1
    assert (search(target, seed, noise=0.3).average - target).norm() < 0.5


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 5))
def test_members_lie_in_pairs_around_the_mean_and_repeat(seed: int, generation: int) -> None:
    evolution = Evolution.start(torch.tensor([3.0, -1.0, 0.5]))
    evolution.generation = generation
    members = evolution.members(8, SPREAD, seed)
    torch.testing.assert_close(members[:4] + members[4:], 2 * evolution.mean.expand(4, -1))
    assert members.equal(evolution.members(8, SPREAD, seed))
    evolution.generation += 1
    assert not members.equal(evolution.members(8, SPREAD, seed))


def test_only_ranks_count() -> None:
    ended = []
    for change in (torch.clone, torch.exp):
        evolution = Evolution.start(torch.zeros(4))
        members = evolution.members(12, SPREAD, 0)
        evolution.update(members, change(members.sum(1)), RATE, 1)
        ended.append((evolution.mean, evolution.average))
    assert all(one.equal(other) for one, other in zip(*ended, strict=True))


def test_members_that_cost_the_same_count_the_same() -> None:
    evolution = Evolution.start(torch.zeros(4))
    members = evolution.members(12, SPREAD, 0)
    evolution.update(members, torch.ones(12), RATE, 1)
    assert evolution.mean.equal(torch.zeros(4))


def test_the_means_of_the_last_half_are_averaged() -> None:
    """Of three generations the last two, of four as many; before there is one it is the mean."""
    for generations in (3, 4):
        search, means = Evolution.start(torch.tensor([1.0, 2.0])), []
        assert search.average.equal(search.mean)
        for _ in range(generations):
            members = search.members(4, 0.5, 0)
            search.update(members, members[:, 0], 0.7, generations)
            means.append(search.mean)
        torch.testing.assert_close(search.average, torch.stack(means[-2:]).mean(0))


def test_down_a_plane_it_moves_by_the_rate_times_the_spread() -> None:
    evolution = Evolution.start(torch.zeros(2))
    members = evolution.members(2000, SPREAD, 0)
    evolution.update(members, members @ torch.tensor([3.0, 4.0]), 0.5, 1)
    torch.testing.assert_close(evolution.mean, -0.5 * SPREAD * torch.tensor([0.6, 0.8]), atol=0.01, rtol=0.0)
