"""Affinity finds the groups of tasks that were planted, and leaves the network as it was."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from mtl.errors import InputError
from mtl.module.affinity import (
    Look,
    TaskGradients,
    feature_similarity,
    measure_affinity,
    measure_features,
    task_gradients,
)
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.sharing.single_task import SingleTask
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, regression
from mtl.tasks.evidence import weigh
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


def look(net: MultiTaskModule, batch: Batch, lr: float = 0.05) -> Look:
    """One look, with permutations of a fixed seed."""
    gradients = task_gradients(net, batch, torch.Generator().manual_seed(0))
    one, features = measure_affinity(net, batch, lr, gradients), measure_features([gradients], net.partition.shared)
    return Look({**one.affinity, **features.affinity}, {**one.null, **features.null})


def test_planted_groups_are_found_by_every_measure() -> None:
    net = module()
    optimizer = torch.optim.SGD(net.network.parameters(), lr=0.05)
    looks = []
    for _ in range(40):
        batch = planted()
        looks.append(look(net, batch))
        optimizer.zero_grad()
        (torch.stack(net.losses(batch)).sum() / 64).backward()
        optimizer.step()
    for measure in looks[0].affinity:
        evidence = weigh([one.affinity[measure] for one in looks], [one.null[measure] for one in looks])
        assert best_groups(evidence.margin) == [[0, 2], [1, 3]]


def test_observing_changes_nothing() -> None:
    net, batch = module().train(), planted()
    before = [p.detach().clone() for p in net.parameters()]
    drawn = torch.get_rng_state()
    look(net, batch)
    assert net.training
    assert all(a.equal(b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters())
    assert drawn.equal(torch.get_rng_state())


def test_numbers_are_those_of_the_definition() -> None:
    """Cosines by autograd on the sum of losses, lookahead by steps of one length on a copy."""
    net, batch = module(), planted()
    found = look(net, batch, 0.01).affinity
    shared = net.partition.shared
    losses = [loss / 64 for loss in net.losses(batch)]
    grads = [torch.autograd.grad(loss, shared, retain_graph=True) for loss in losses]
    flat = torch.stack([torch.cat([g.flatten() for g in grad]) for grad in grads])
    expected = torch.nn.functional.cosine_similarity(flat[:, None], flat[None], dim=-1)
    torch.testing.assert_close(found["cosine"], expected)
    length = 0.01 * torch.cat([p.detach().flatten() for p in shared]).norm()

    def gains(of: int) -> Tensor:
        moved = deepcopy(net)
        with torch.no_grad():
            for p, g in zip(moved.partition.shared, grads[of], strict=True):
                p -= length * g / flat[of].norm()
        return (torch.stack(losses) - torch.stack(moved.losses(batch)) / 64).detach()

    own = torch.stack([gains(j)[j] for j in range(4)])
    torch.testing.assert_close(found["lookahead"][1], gains(1) / own, rtol=1e-3, atol=1e-4)


def test_gradients_are_those_of_the_definition() -> None:
    """Of mean losses, and of what errors of constant predictions ask for; permuted over the labelled rows."""
    net, batch = module(), planted()
    batch.targets["b"] = batch.targets["b"].masked_fill(torch.arange(64) % 3 == 0, torch.nan)
    batch.targets["d"] = batch.targets["d"].masked_fill(torch.arange(64) != 5, torch.nan)  # one label is left
    found = task_gradients(net, batch, torch.Generator().manual_seed(1))
    generator, predictions = torch.Generator().manual_seed(1), net(batch.inputs)
    for place, name in enumerate(NAMES):
        prediction, target = predictions[name], batch.targets[name]
        rows = target.isfinite()
        order = torch.randperm(int(rows.sum()), generator=generator)
        error, label = (prediction - target)[rows].detach(), target[rows]
        mean, wanted = 2 * error / len(error), -2 * (label - label.mean())
        for kind, values in zip(TaskGradients._fields, (mean, mean[order], wanted, wanted[order]), strict=True):
            parts = torch.autograd.grad(prediction[rows] @ values, net.partition.shared, retain_graph=True)
            expected = torch.cat([part.flatten() for part in parts])
            torch.testing.assert_close(getattr(found, kind)[place], expected, rtol=1e-4, atol=1e-5)
    assert found.own[3].any()
    assert not found.wanted[3].any()


def test_similarity_of_features_is_that_of_their_second_moments() -> None:
    """Whatever the layers make of them: nothing changes if their outputs are rotated, for each gradient differently."""
    shapes = [(3, 5), (7, 3), (3,)]
    parameters = [Parameter(torch.zeros(shape)) for shape in shapes]
    parts = [[torch.randn(shape) for shape in shapes] for _ in range(4)]
    flat = torch.stack([torch.cat([part.flatten() for part in one]) for one in parts])
    found = feature_similarity(flat, parameters)
    moments = torch.stack([torch.cat([(g.T @ g).flatten() for g in one[:2]]) for one in parts])
    expected = torch.nn.functional.cosine_similarity(moments[:, None], moments[None], dim=-1)
    torch.testing.assert_close(found, expected)

    def rotated(g: Tensor) -> Tensor:
        return torch.linalg.qr(torch.randn(len(g), len(g)))[0] @ g if g.dim() > 1 else g

    other = torch.stack([torch.cat([rotated(g).flatten() for g in one]) for one in parts])
    torch.testing.assert_close(feature_similarity(other, parameters), found)


@pytest.mark.parametrize("factor", [1e-2, 1e2])
def test_a_factor_of_a_loss_changes_no_measure(factor: float) -> None:
    batch, net = planted(), module()
    plain = look(net, batch)
    task = net.graph.tasks[1]
    scaled = replace(task, loss=lambda prediction, target: factor * task.loss(prediction, target))
    net.graph = TaskGraph((net.graph.tasks[0], scaled, *net.graph.tasks[2:]))
    found = look(net, batch)
    for measure, matrix in plain.affinity.items():
        torch.testing.assert_close(found.affinity[measure], matrix, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.null[measure], plain.null[measure], rtol=1e-3, atol=1e-4)


def test_the_order_of_the_tasks_is_that_of_the_matrices() -> None:
    batch, net = planted(), module()
    plain = look(net, batch)
    order = [2, 0, 3, 1]
    net.graph = TaskGraph(tuple(net.graph.tasks[i] for i in order))
    found = look(net, batch)
    for measure, matrix in plain.affinity.items():
        torch.testing.assert_close(found.affinity[measure], matrix[order][:, order], rtol=1e-3, atol=1e-4)


def test_a_task_without_labels_is_unknown_not_zero() -> None:
    batch = planted()
    batch.targets["b"] = torch.full((64,), torch.nan)
    found = look(module(), batch)
    for matrix in found.affinity.values():
        assert matrix[1].isnan().all()
        assert matrix[:, 1].isnan().all()
        assert matrix[0, [0, 2, 3]].isfinite().all()
    evidence = weigh(*([one["features"]] * 4 for one in (found.affinity, found.null)))
    assert evidence.mean.isfinite().all()
    assert (evidence.margin[1, [0, 2, 3]] == -torch.inf).all()


def test_nothing_shared_has_no_affinity() -> None:
    with pytest.raises(InputError, match="model=hard"):
        look(module(SingleTask), planted())
