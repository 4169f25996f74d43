"""Of many rules those are taken that together make the best of all schedules shortest."""

from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.portfolio_search import PortfolioSearch, complementing
from mtl.errors import InputError
from tests.agent.improvement.test_outcome_search import head, trained_network

SIZES = ((5, 4, 4), (6, 3, 4))


def search(dispatchers: int = 3) -> PortfolioSearch:
    return PortfolioSearch(3, 6, SIZES, SIZES, dispatchers=dispatchers)


def reached(costs: list[Tensor], have: list[Tensor], chosen: tuple[int, ...]) -> float:
    """Mean of the least cost with these candidates, worked out shop by shop."""
    means = [
        sum(min(float(least[shop]), *(float(cost[one, shop]) for one in chosen)) for shop in range(len(least)))
        / len(least)
        for cost, least in zip(costs, have, strict=True)
    ]
    return sum(means) / len(means)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_the_choice_is_greedy_and_nearly_as_good_as_the_best_one(seed: int, count: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    costs = [torch.rand(5, shops, generator=draws) for shops in (3, 6)]
    have = [torch.rand(shops, generator=draws) for shops in (3, 6)]
    chosen, value = complementing(costs, have, count)
    assert len(set(chosen)) == count
    assert value == pytest.approx(reached(costs, have, tuple(chosen)), abs=1e-6)
    first = min(range(5), key=lambda one: reached(costs, have, (one,)))
    assert reached(costs, have, (chosen[0],)) == pytest.approx(reached(costs, have, (first,)), abs=1e-6)
    start = sum(float(one.mean()) for one in have) / 2
    best = min(reached(costs, have, some) for some in combinations(range(5), count))
    assert start - value >= (1 - 1 / 2.718281828) * (start - best) - 1e-6


def test_it_adds_as_many_as_asked_for_and_none_makes_a_schedule_longer(tmp_path: Path) -> None:
    network, again = trained_network(), trained_network()
    said: list[Progress] = []
    search().propose(network, 0, tmp_path / "0.ckpt", said.append)
    assert [(one.done, one.total) for one in said] == [(1, 3), (2, 3), (3, 3)]
    others = head(network).others
    assert others is not None
    assert len(others) == 3
    found = search().achieved([trained_network(), network], 3)
    assert all((after <= before).all() for before, after in found.values())

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search().propose(again, 0, tmp_path / "1.ckpt", stop)
    search().propose(again, 0, tmp_path / "1.ckpt", lambda _: None)
    assert others.equal(head(again).others)  # type: ignore[arg-type]


def test_wrong_settings_and_damage_are_said(tmp_path: Path) -> None:
    for wrong in (0, 19):
        with pytest.raises(InputError, match=rf"improve\.dispatchers={wrong}: expected 1 to as many as are drawn, 18"):
            search(wrong)
    other = PortfolioSearch(1, 4, [[5, 4, 2]], SIZES, dispatchers=1)
    other.propose(trained_network(), 0, tmp_path / "other.ckpt", lambda _: None)
    with pytest.raises(InputError, match="is damaged: it is not the state of a search for a portfolio"):
        search().propose(trained_network(), 0, tmp_path / "other.ckpt", lambda _: None)
