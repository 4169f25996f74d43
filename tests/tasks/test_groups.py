"""Groups are those with the strongest evidence, and as many as it says."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.tasks.groups import best_groups


def score(groups: list[list[int]], margin: Tensor) -> float:
    """Sum of the margins of the pairs within groups."""
    return sum((margin[i, j] + margin[j, i]).item() / 2 for group in groups for i, j in combinations(group, 2))


def partitions(items: list[int]) -> list[list[list[int]]]:
    """All ways of putting the items into groups."""
    if not items:
        return [[]]
    first, *rest = items
    out = []
    for size in range(len(rest) + 1):
        for friends in combinations(rest, size):
            left = [item for item in rest if item not in friends]
            out += [[[first, *friends], *others] for others in partitions(left)]
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("budget", [1, 2, 3, 5, None])
def test_groups_are_the_best_of_all(seed: int, budget: int | None) -> None:
    torch.manual_seed(seed)
    margin = torch.randn(5, 5)
    found = best_groups(margin, budget)
    assert sorted(i for group in found for i in group) == list(range(5))
    most = budget or 5
    assert len(found) <= most
    best = max(score(groups, margin) for groups in partitions(list(range(5))) if len(groups) <= most)
    assert score(found, margin) == pytest.approx(best)


def test_many_tasks_are_grouped_step_by_step() -> None:
    margin = torch.full((15, 15), -1.0)
    for start in (0, 5, 10):
        margin[start : start + 5, start : start + 5] = 1.0
    for budget in (3, None):
        assert best_groups(margin, budget) == [list(range(s, s + 5)) for s in (0, 5, 10)]


@pytest.mark.parametrize("tasks", [1, 2, 4, 15])
def test_evidence_alone_says_how_many_groups_there_are(tasks: int) -> None:
    everyone = list(range(tasks))
    assert best_groups(torch.ones(tasks, tasks)) == [everyone]
    for little in (-0.1, -torch.inf):
        assert best_groups(torch.full((tasks, tasks), little)) == [[i] for i in everyone]
        assert best_groups(torch.full((tasks, tasks), little), 1) == [everyone]


def test_the_names_of_tasks_do_not_matter() -> None:
    torch.manual_seed(0)
    margin, order = torch.randn(6, 6), torch.randperm(6).tolist()
    found = best_groups(margin[order][:, order])
    assert sorted(sorted(order[i] for i in group) for group in found) == best_groups(margin)


def test_a_budget_of_none_is_an_error() -> None:
    with pytest.raises(InputError, match="budget=0"):
        best_groups(torch.zeros(2, 2), 0)
