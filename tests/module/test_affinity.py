"""Affinity finds the groups of tasks that were planted, and leaves the network as it was."""

from functools import partial
from itertools import combinations

import pytest
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.module.affinity import mean_affinity, measure_affinity
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.sharing.single_task import SingleTask
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, regression
from mtl.tasks.groups import best_groups
from mtl.weighting.equal import Equal

NAMES = ("a", "b", "c", "d")


def module(sharing: type[Hard] | type[SingleTask] = Hard) -> MultiTaskModule:
    """A small network for four regressions."""
    graph = TaskGraph(tuple(regression(name) for name in NAMES))
    network = Network(sharing({SINGLE: (10,)}, NAMES, partial(MLP, widths=[16], activation="tanh")), graph)
    return MultiTaskModule(network, graph, Equal(4), partial(torch.optim.SGD, lr=0.05))


def planted(rows: int = 64) -> Batch:
    """Tasks a and c ask for one direction, b and d for another; the second of each pair is noisier."""
    inputs = torch.randn(rows, 10)
    first, second = inputs[:, 0], inputs[:, 1]
    noise = 0.1 * torch.randn(2, rows)
    return Batch({SINGLE: inputs}, {"a": first, "b": second, "c": first + noise[0], "d": second + noise[1]})


def test_planted_groups_are_found() -> None:
    net = module()
    optimizer = torch.optim.SGD(net.network.parameters(), lr=0.05)
    cosines, lookaheads = [], []
    for _ in range(30):
        batch = planted()
        cosine, lookahead = measure_affinity(net, batch, 0.05)
        cosines.append(cosine)
        lookaheads.append(lookahead)
        optimizer.zero_grad()
        (torch.stack(net.losses(batch)).sum() / 64).backward()
        optimizer.step()
    for found in (mean_affinity(cosines), mean_affinity(lookaheads)):
        assert best_groups(found, 2) == [[0, 2], [1, 3]]
        related = torch.stack([found[0, 2], found[2, 0], found[1, 3], found[3, 1]])
        unrelated = torch.stack([found[0, 1], found[1, 0], found[2, 3], found[3, 0]])
        assert related.min() > unrelated.max()


def test_observing_changes_nothing() -> None:
    net, batch = module().train(), planted()
    before = [p.detach().clone() for p in net.parameters()]
    measure_affinity(net, batch, 0.1)
    assert net.training
    assert all(a.equal(b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters())


def test_numbers_are_those_of_the_definition() -> None:
    """Cosines by autograd on the sum of losses, lookahead by a step on a copy."""
    net, batch = module(), planted()
    cosine, lookahead = measure_affinity(net, batch, 0.01)
    shared = net.partition.shared
    losses = [loss / 64 for loss in net.losses(batch)]
    grads = [torch.autograd.grad(loss, shared, retain_graph=True) for loss in losses]
    flat = torch.stack([torch.cat([g.flatten() for g in grad]) for grad in grads])
    torch.testing.assert_close(cosine, torch.nn.functional.cosine_similarity(flat[:, None], flat[None], dim=-1))
    before = torch.stack(losses)
    with torch.no_grad():
        for p, g in zip(shared, grads[1], strict=True):
            p -= 0.01 * g
    after = torch.stack(net.losses(batch)) / 64
    torch.testing.assert_close(lookahead[1], 1 - after.detach() / before.detach())


def test_a_task_without_labels_is_unknown_not_zero() -> None:
    batch = planted()
    batch.targets["b"] = torch.full((64,), torch.nan)
    cosine, lookahead = measure_affinity(module(), batch, 0.01)
    assert cosine[1].isnan().all()
    assert lookahead[1].isnan().all()
    assert lookahead[:, 1].isnan().all()
    assert lookahead[0, [0, 2, 3]].isfinite().all()
    assert mean_affinity([lookahead]).isfinite().all()


def test_nothing_shared_has_no_affinity() -> None:
    with pytest.raises(InputError, match="model=hard"):
        measure_affinity(module(SingleTask), planted(), 0.01)


def score(groups: list[list[int]], affinity: Tensor) -> float:
    """Sum of the tasks' mean gains from the others in their group."""
    total = 0.0
    for group in groups:
        for j in group:
            others = [affinity[i, j].item() for i in group if i != j]
            total += sum(others) / len(others) if others else 0.0
    return total


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
@pytest.mark.parametrize("budget", [1, 2, 3, 5])
def test_groups_are_the_best_of_all(seed: int, budget: int) -> None:
    torch.manual_seed(seed)
    affinity = torch.randn(5, 5)
    found = best_groups(affinity, budget)
    assert sorted(i for group in found for i in group) == list(range(5))
    assert len(found) <= budget
    best = max(score(groups, affinity) for groups in partitions(list(range(5))) if len(groups) <= budget)
    assert score(found, affinity) == pytest.approx(best)


def test_many_tasks_are_grouped_step_by_step() -> None:
    affinity = torch.full((15, 15), -1.0)
    for start in (0, 5, 10):
        affinity[start : start + 5, start : start + 5] = 1.0
    assert best_groups(affinity, 3) == [list(range(s, s + 5)) for s in (0, 5, 10)]


def test_a_budget_of_none_is_an_error() -> None:
    with pytest.raises(InputError, match="budget=0"):
        best_groups(torch.zeros(2, 2), 0)
