"""The last shared tensors of the graph."""

import pytest
import torch
from torch import Tensor, nn

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.gradients.frontier import find_frontier
from mtl.gradients.task_gradients import TaskGradients
from mtl.module.module import MultiTaskModule
from mtl.nn.encoder import SINGLE
from mtl.weighting.base import Step
from mtl.weighting.mgda import MGDA
from tests.sharing import strategies
from tests.support import TINY

# These share nothing, pepnet with an encoder that has no parameters before its stages
APART = ("single_task", "soft_distance", "pepnet")
MODELS = [name for name in strategies.MODELS if name not in APART]
PREFERRING = ("conditioned", "palora")  # which need a weighting that takes a preference


class Skip:
    """Two shared layers; the second task also reads the first of them, and the first task a shared constant."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.x = torch.randn(6, 3)
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 4)
        self.constant = nn.Parameter(torch.tensor([0.3, -0.7]))
        self.heads = [nn.Linear(4, 1), nn.Linear(4, 1)]
        self.shared = [*self.first.parameters(), *self.second.parameters(), self.constant]
        self.private = [list(head.parameters()) for head in self.heads]

    def losses(self, one: Tensor | None = None, two: Tensor | None = None) -> list[Tensor]:
        one = torch.tanh(self.first(self.x)) if one is None else one
        two = torch.tanh(self.second(one)) if two is None else two
        return [
            (self.heads[0](two) * self.constant[0]).square().mean(),
            (self.heads[1](two + one) * self.constant[1]).square().mean(),
        ]


def test_gradients_of_nested_tensors_hold_the_others_fixed() -> None:
    """The Gramian is that of leaf copies, and the weighted sum from there is the weighted sum of whole gradients."""
    problem = Skip()
    one = torch.tanh(problem.first(problem.x)).detach().requires_grad_()
    two = torch.tanh(problem.second(one)).detach().requires_grad_()
    place = [one, two, problem.constant]
    rows = []
    for loss in problem.losses(one, two):
        parts = torch.autograd.grad(loss, place, allow_unused=True, retain_graph=True)
        parts = [torch.zeros_like(p) if g is None else g for p, g in zip(place, parts, strict=True)]
        rows.append(torch.cat([part.flatten() for part in parts]))
    jacobian = torch.stack(rows)

    weighting = MGDA(2, at="representation")
    weights = weighting.backward(problem.losses(), problem.shared, problem.private)
    assert weighting.gramian is not None
    torch.testing.assert_close(weighting.gramian, jacobian @ jacobian.T)
    whole = torch.autograd.grad((weights * torch.stack(problem.losses())).sum(), problem.shared)
    for parameter, expected in zip(problem.shared, whole, strict=True):
        torch.testing.assert_close(parameter.grad, expected)


def test_single_task() -> None:
    """With one loss nothing is shared in the graph: the parameters themselves are where it stands."""
    problem = Skip()
    found = find_frontier(problem.losses()[:1], problem.shared)
    assert {id(p) for p in found.parameters} == {id(p) for p in problem.shared}
    assert found.edges == []


def test_nothing_flows_past_the_frontier() -> None:
    """Hooks are gone afterwards: the next pass through the same graph is whole."""
    problem = Skip()
    losses = problem.losses()
    before = torch.autograd.grad(losses[1], problem.shared, retain_graph=True, allow_unused=True)
    found = find_frontier(losses, problem.shared)
    TaskGradients([], [[], []], torch.device("cpu")).add(losses, 1.0, 1, found, retain_graph=True)
    after = torch.autograd.grad(losses[1], problem.shared, allow_unused=True)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def built(*overrides: str) -> MultiTaskModule:
    """A network in evaluation mode and its weighting."""
    module = build(configure(*TINY, "weighting.at=representation", *overrides)).module
    module.network.eval()
    return module


@pytest.mark.parametrize("model", MODELS)
def test_every_sharing_strategy_has_one(model: str) -> None:
    """The update is the weighted sum of the tasks' whole gradients, and tasks are seen to agree or conflict."""
    module = built(f"model={model}", f"weighting={'upgrad' if model in PREFERRING else 'pcgrad'}")
    network = module.network
    shared, private, _ = network.partition()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    x = {SINGLE: torch.randn(12, 6)}

    def losses() -> list[Tensor]:
        return [(prediction - 0.5).square().mean() for prediction in network(x).values()]

    weights = module.weighting.backward(losses(), shared, list(private.values()))
    found = [torch.zeros_like(p) if p.grad is None else p.grad for p in shared]
    expected = torch.autograd.grad((weights * torch.stack(losses())).sum(), shared, allow_unused=True)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other, rtol=1e-4, atol=1e-6)
    gramian = module.weighting.gramian
    assert gramian is not None
    assert bool((gramian - gramian.diagonal().diag()).any())


@pytest.mark.parametrize("model", MODELS)
def test_accumulated_batches_equal_one(model: str) -> None:
    """Two halves of a batch give the update of the whole."""
    found = []
    for parts in (1, 2):
        module = built(f"model={model}", f"weighting={'upgrad' if model in PREFERRING else 'mgda'}")
        shared, private, layer = module.network.partition()
        torch.manual_seed(0)
        for index, rows in enumerate(torch.randn(12, 6).chunk(parts)):
            losses = [(prediction - 0.5).square().mean() for prediction in module.network({SINGLE: rows}).values()]
            step = Step(batches=parts, last=index == parts - 1)
            module.weighting.backward(losses, shared, list(private.values()), layer, step)
        found.append(torch.cat([p.grad.flatten() for p in shared if p.grad is not None]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
