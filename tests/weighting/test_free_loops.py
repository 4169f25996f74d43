"""Loops that do what this framework's own networks do not: every method is right there, or says why not in one line."""

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from mtl.errors import InputError
from mtl.testing.problem import Problem, flat
from mtl.weighting.base import DirectionWeighting, Step
from tests.weighting.problems import EVERY, LOOKING_AROUND, METHODS, PLACED, label, make

Parameters = Mapping[str, Tensor]
# Losses of some rows, from the trunk's parameters as the tasks read them themselves, and from the representation
Losses = Callable[[Problem, Parameters, Tensor, slice], list[Tensor]]


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[DeviceMesh]:
    """A mesh of this process alone."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def of_heads(problem: Problem, h: Tensor, rows: slice) -> list[Tensor]:
    """Mean squared errors of some rows."""
    targets = problem.targets[rows]
    return [(head(h).squeeze(-1) - targets[:, i]).square().mean() for i, head in enumerate(problem.heads)]


def reading_a_weight(problem: Problem, trunk: Parameters, h: Tensor, rows: slice) -> list[Tensor]:
    """The first task's loss also depends on a weight of the trunk, the second's on another one."""
    first, second, third = of_heads(problem, h, rows)
    return [first + trunk["0.weight"].square().mean(), second - trunk["2.weight"].sum(), third]


def in_a_pass_of_its_own(problem: Problem, trunk: Parameters, h: Tensor, rows: slice) -> list[Tensor]:
    """The third task sends other rows through the trunk."""
    first, second, _ = of_heads(problem, h, rows)
    other = functional_call(problem.trunk, dict(trunk), problem.inputs[rows].flip(1))
    return [first, second, of_heads(problem, other, rows)[2]]


ALL = slice(None)
every_variant = pytest.mark.parametrize(("name", "changed"), EVERY, ids=map(label, EVERY))
every_placed = pytest.mark.parametrize("name", PLACED)
every_bypass = pytest.mark.parametrize("losses", [reading_a_weight, in_a_pass_of_its_own])
named_or_not = pytest.mark.parametrize("named", [True, False], ids=["named", "found"])


@every_placed
@every_bypass
@named_or_not
def test_what_passes_the_representation_by_counts_once(name: str, losses: Losses, named: bool) -> None:
    """The Gramian is over the representation and the parameters that tasks read beside it, each with the others held
    fixed; the update is the weighted sum of whole gradients.
    """
    problem = Problem(3)
    trunk = dict(problem.trunk.named_parameters())
    copies = {key: value.detach().clone().requires_grad_() for key, value in trunk.items()}
    h = problem.trunk(problem.inputs).detach().requires_grad_()
    place = [h, *copies.values()]
    apart = [gradient(loss, place) for loss in losses(problem, copies, h, ALL)]
    rows = torch.stack(apart)

    weighting = make(name, 3, at="representation")
    representation = problem.trunk(problem.inputs)
    whole = torch.stack([gradient(loss, problem.shared) for loss in losses(problem, trunk, representation, ALL)])
    weights = weighting.backward(
        losses(problem, trunk, representation, ALL),
        problem.shared,
        problem.private,
        problem.trunk[2].parameters(),
        representation=representation if named else None,
    )
    assert weighting.gramian is not None
    torch.testing.assert_close(weighting.gramian, rows @ rows.T, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(problem.update(), weights @ whole, rtol=1e-4, atol=1e-5)


@every_placed
@every_bypass
@named_or_not
def test_accumulated_batches_beside_the_representation_are_one(name: str, losses: Losses, named: bool) -> None:
    """Three batches of four rows make the update of twelve."""
    updates = []
    for batches in (1, 3):
        problem, weighting = Problem(3), make(name, 3, at="representation")
        trunk, size = dict(problem.trunk.named_parameters()), 12 // batches
        for number in range(batches):
            rows = slice(number * size, (number + 1) * size)
            h = problem.trunk(problem.inputs[rows])
            weighting.backward(
                losses(problem, trunk, h, rows),
                problem.shared,
                problem.private,
                problem.trunk[2].parameters(),
                Step(batches=batches, last=number == batches - 1),
                h if named else None,
            )
        updates.append(problem.update())
    torch.testing.assert_close(updates[1], updates[0], rtol=1e-3, atol=1e-5)


def gradient(loss: Tensor, wanted: list[Tensor]) -> Tensor:
    """One loss's gradient as a flat vector, by autograd; the graph is kept."""
    parts = torch.autograd.grad(loss, wanted, retain_graph=True, allow_unused=True)
    return flat([torch.zeros_like(p) if part is None else part for p, part in zip(wanted, parts, strict=True)])


def in_double(problem: Problem) -> Problem:
    """The same in double precision."""
    problem.trunk.double()
    problem.heads.double()
    problem.inputs, problem.targets = problem.inputs.double(), problem.targets.double()
    return problem


@every_variant
def test_double_precision_is_kept(name: str, changed: dict[str, Any]) -> None:
    """Steps are those of single precision; updates are exact to the rounding of double precision, in one batch and in
    three, and a new object that loads the state makes them bit for bit.
    """
    single, double = Problem(3, [1.0, 2.0, 0.5]), in_double(Problem(3, [1.0, 2.0, 0.5]))
    one, two = make(name, 3, **changed), make(name, 3, **changed)
    single.train(one, 3)
    double.train(two, 3)
    torch.testing.assert_close(flat(double.parameters).float(), flat(single.parameters), rtol=1e-3, atol=1e-4)

    resumed = make(name, 3, **changed)
    resumed.load_state_dict(two.state_dict())
    in_parts, updates = copy.deepcopy(two), []
    for weighting in (two, resumed):
        double.clear()
        weights = double.backward(weighting)
        updates.append(double.update())
    assert updates[0].dtype == weights.dtype == torch.float64
    assert torch.equal(updates[0], updates[1])
    if not isinstance(two, DirectionWeighting) and name not in LOOKING_AROUND:
        torch.testing.assert_close(updates[0], weights @ double.gradients()[0], rtol=1e-9, atol=1e-12)
    double.clear()
    for number in range(3):
        double.backward(in_parts, Step(batches=3, last=number == 2), 4 * number, 4 * number + 4)
    torch.testing.assert_close(double.update(), updates[0], rtol=1e-6, atol=1e-9)


def losses_of_looked_up(problem: Problem, embedding: nn.Embedding) -> list[Tensor]:
    """Losses of a network that begins with an embedding."""
    return of_heads(problem, problem.trunk(embedding(torch.tensor([0, 3, 3, 5, 9, 1, 2, 2, 4, 7, 7, 0]))), ALL)


@every_variant
def test_sparse_gradients_of_embeddings_are_those_of_dense_ones(name: str, changed: dict[str, Any]) -> None:
    """An embedding as first layer of the trunk, whose gradient autograd gives as the rows that were looked up."""
    updates = []
    for sparse in (True, False):
        problem = Problem(3, [1.0, 2.0, 0.5])
        embedding = torch.nn.Embedding(10, 4, sparse=sparse, _weight=problem.inputs[:10].clone())
        run = partial(losses_of_looked_up, problem, embedding)
        make(name, 3, **changed).backward(
            run(),
            [embedding.weight, *problem.shared],
            problem.private,
            problem.trunk[2].parameters(),
            Step(recompute=lambda run=run: [run()]),
        )
        assert embedding.weight.grad is not None
        updates.append(flat([embedding.weight.grad.to_dense(), problem.update()]))
    torch.testing.assert_close(updates[0], updates[1], rtol=1e-4, atol=1e-6)


@every_variant
def test_frozen_parameters_may_be_handed_over(name: str, changed: dict[str, Any]) -> None:
    """A partly frozen trunk, and a frozen head, are as if these parameters had not been named."""
    updates = []
    for everything in (True, False):
        problem = Problem(3, [1.0, 2.0, 0.5])
        for part in (problem.trunk[0], problem.heads[1]):
            part.requires_grad_(False)
        shared = problem.shared if everything else [p for p in problem.shared if p.requires_grad]
        private = problem.private if everything else [problem.private[0], [], problem.private[2]]
        layer = problem.trunk[2].parameters()
        make(name, 3, **changed).backward(problem.forward()[0], shared, private, layer, problem.whole_step)
        assert problem.trunk[0].weight.grad is problem.heads[1].weight.grad is None
        updates.append(flat([problem.update(), problem.private_update(0), problem.private_update(2)]))
    assert torch.equal(updates[0], updates[1])
    assert float(updates[0].norm()) > 0


def expected_update(
    name: str, losses: list[Tensor], parts: list[list[nn.Parameter]], layer: list[nn.Parameter]
) -> Tensor:
    """``.grad`` of all parameters, by the same method on linear functions with these losses' values and gradients."""
    shared, *private = parts
    linear = []
    for loss, own in zip(losses, private, strict=True):
        wanted = [*shared, *own]
        slopes = torch.autograd.grad(loss, wanted, retain_graph=True)
        products = [((p - p.detach()) * slope).sum() for p, slope in zip(wanted, slopes, strict=True)]
        linear.append(loss.detach() + torch.stack(products).sum())
    make(name, len(private)).backward(linear, shared, private, layer)
    return taken(parts)


def taken(parts: list[list[nn.Parameter]]) -> Tensor:
    """``.grad`` of all parameters, which is cleared."""
    found = flat([p.grad for part in parts for p in part if p.grad is not None])
    for p in (p for part in parts for p in part):
        p.grad = None
    return found


def check_trunk(
    name: str,
    trunk: nn.Module,
    run: Callable[[Tensor], Tensor],
    layer: nn.Module,
    plain: Callable[[Tensor], Tensor],
) -> None:
    """Two methods of one name make the same update: one walks through this trunk, the other is given its gradients.

    Methods that look around are given the same function written plainly, since gradients at one point are too little.

    Args:
        name: of the methods.
        trunk: has the shared parameters.
        run: inputs to the representation, by the modules of the trunk.
        layer: its last one.
        plain: the same by tensors alone.
    """
    if name in LOOKING_AROUND:
        torch.testing.assert_close(update_nearby(name, trunk, run), update_nearby(name, trunk, plain))
        return
    torch.manual_seed(1)
    heads, inputs = nn.ModuleList(nn.Linear(4, 1) for _ in range(3)), torch.randn(8, 4)
    parts = [list(trunk.parameters()), *(list(head.parameters()) for head in heads)]
    h = run(inputs)
    losses = [(head(h) - i).square().mean() + 0.1 for i, head in enumerate(heads)]
    expected = expected_update(name, losses, parts, list(layer.parameters()))
    h = run(inputs)
    losses = [(head(h) - i).square().mean() + 0.1 for i, head in enumerate(heads)]
    make(name, 3).backward(losses, parts[0], parts[1:], layer.parameters(), representation=h)
    torch.testing.assert_close(taken(parts), expected, rtol=1e-4, atol=1e-6)


def update_nearby(name: str, trunk: nn.Module, run: Callable[[Tensor], Tensor]) -> Tensor:
    """``.grad`` of all parameters after two steps of a method that looks around; held-out losses are of other rows."""
    torch.manual_seed(1)
    heads, inputs = nn.ModuleList(nn.Linear(4, 1) for _ in range(3)), torch.randn(2, 8, 4)
    parts = [list(trunk.parameters()), *(list(head.parameters()) for head in heads)]

    def losses(rows: Tensor) -> list[Tensor]:
        h = run(rows)
        return [(head(h) - i).square().mean() + 0.1 for i, head in enumerate(heads)]

    weighting, step = make(name, 3), Step(recompute=lambda: [losses(inputs[0])])
    for _ in range(2):
        if weighting.held_out:
            weighting.on_held_out_losses(losses(inputs[1]), parts[0], parts[1:], step)
        weighting.backward(losses(inputs[0]), parts[0], parts[1:], step=step)
    found = taken(parts)
    assert float(found.norm()) > 0
    return found


every_method = pytest.mark.parametrize("name", [*METHODS, *LOOKING_AROUND])


@every_method
def test_checkpointed_trunks(name: str) -> None:
    """Computed once more in every backward pass."""
    trunk = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh())
    check_trunk(name, trunk, lambda x: torch.as_tensor(checkpoint(trunk, x, use_reentrant=False)), trunk[2], trunk)


@every_method
def test_tied_weights(name: str) -> None:
    """Of two layers, one of which is the transpose of the other."""
    trunk = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    trunk[1].weight = trunk[0].weight

    def run(x: Tensor) -> Tensor:
        return nn.functional.linear(torch.tanh(trunk[0](x)), trunk[1].weight.T, trunk[1].bias)

    weight, first, second = trunk[0].weight, trunk[0].bias, trunk[1].bias
    check_trunk(name, trunk, run, trunk[1], lambda x: torch.tanh(x @ weight.T + first) @ weight + second)


@every_method
def test_recurrent_trunks(name: str) -> None:
    """The last state of a sequence."""
    trunk = nn.GRU(2, 4, batch_first=True)

    def plain(x: Tensor) -> Tensor:
        """The formulas of torch's documentation, with reset, update and new gate."""
        h = torch.zeros(8, 4)
        for moment in x.view(8, 2, 2).unbind(1):
            of_input = (moment @ trunk.weight_ih_l0.T + trunk.bias_ih_l0).chunk(3, 1)
            of_state = (h @ trunk.weight_hh_l0.T + trunk.bias_hh_l0).chunk(3, 1)
            reset, update = (torch.sigmoid(a + b) for a, b in zip(of_input[:2], of_state[:2], strict=True))
            new = torch.tanh(of_input[2] + reset * of_state[2])
            h = (1 - update) * new + update * h
        return h

    check_trunk(name, trunk, lambda x: torch.as_tensor(trunk(x.view(8, 2, 2))[0][:, -1]), trunk, plain)


@every_method
def test_layers_used_twice(name: str) -> None:
    """One module in two places."""
    trunk = nn.Sequential(layer := nn.Linear(4, 4), nn.Tanh(), layer, nn.Tanh())

    def plain(x: Tensor) -> Tensor:
        once = torch.tanh(x @ layer.weight.T + layer.bias)
        return torch.tanh(once @ layer.weight.T + layer.bias)

    check_trunk(name, trunk, trunk, layer, plain)


@pytest.mark.parametrize("name", [*METHODS, *LOOKING_AROUND])
def test_several_optimizers_are_one(name: str) -> None:
    """One of the trunk and one of each head make the steps of one for all."""
    ends = []
    for apart in (True, False):
        problem, weighting = Problem(3, [1.0, 2.0, 0.5]), make(name, 3)
        parts = [problem.shared, *problem.private] if apart else [problem.parameters]
        optimizers = [torch.optim.SGD(part, 0.05, momentum=0.9) for part in parts]
        for _ in range(2):
            for optimizer in optimizers:
                optimizer.zero_grad()
            problem.backward(weighting)
            for optimizer in optimizers:
                optimizer.step()
        ends.append(flat(problem.parameters))
    assert torch.equal(*ends)


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf", "ignore:Dynamo ")  # of torch
@pytest.mark.parametrize("name", [*METHODS, *LOOKING_AROUND])
def test_a_compiled_step_is_one_that_is_not(name: str) -> None:
    """``torch.compile`` of all that a step does, from the losses to ``.grad``; what it cannot take, Python does."""
    ends = []
    for compiled in (True, False):
        torch.compiler.reset()
        problem, weighting = Problem(3, [1.0, 2.0, 0.5]), make(name, 3)
        backward = torch.compile(problem.backward, backend="eager") if compiled else problem.backward
        for _ in range(2):
            problem.clear()
            backward(weighting)
        ends.append(problem.update())
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize("name", ["equal", "mgda", "graddrop"])
def test_a_parameter_that_is_handed_over_twice_counts_once(name: str) -> None:
    """As by naming the parameters of two modules with a common one; shared and private at once is one line."""
    problem, other = Problem(2), Problem(2)
    other.backward(make(name, 2))
    losses, h = problem.forward()
    shared, private = problem.shared, problem.private
    make(name, 2).backward(losses, [*shared, *shared], [[*part, *part] for part in private], representation=h)
    torch.testing.assert_close(problem.update(), other.update())
    torch.testing.assert_close(problem.private_update(0), other.private_update(0))
    losses, _ = problem.forward()
    with pytest.raises(InputError, match="a parameter is handed over as shared and as private of task number 1"):
        make(name, 2).backward(losses, shared, [private[0], [*private[1], shared[0]]])


@pytest.mark.parametrize("name", ["equal", "mgda"])
def test_reentrant_checkpoints_are_one_line(name: str) -> None:
    """Torch walks through them for ``loss.backward()`` alone."""
    problem = Problem(2)
    h = checkpoint(problem.trunk, problem.inputs.clone().requires_grad_(), use_reentrant=True)
    with pytest.raises(InputError, match="use_reentrant=False"):
        make(name, 2).backward(of_heads(problem, torch.as_tensor(h), ALL), problem.shared, problem.private)


@pytest.mark.parametrize("name", ["equal", "upgrad"])
@pytest.mark.parametrize("parts", ["0", ""])
def test_parameters_divided_among_processes_are_one_line(name: str, parts: str, one_process: DeviceMesh) -> None:
    """By ``fully_shard``, of a layer or the whole trunk: the optimizer's parameters would get no gradient, or zeros."""
    problem = Problem(2)
    if parts:
        fully_shard(problem.trunk[int(parts)], mesh=one_process)
    fully_shard(problem.trunk, mesh=one_process)
    losses, _ = problem.forward()
    with pytest.raises(InputError, match="divided among processes"):
        make(name, 2).backward(losses, problem.shared, problem.private)


def test_a_wholly_frozen_trunk_is_one_line() -> None:
    """For methods that compare its gradients."""
    problem = Problem(2)
    problem.trunk.requires_grad_(False)
    losses = of_heads(problem, problem.trunk(problem.inputs), ALL)
    with pytest.raises(InputError, match="MGDA compares gradients of shared parameters, and this network shares none"):
        make("mgda", 2).backward(losses, problem.shared, problem.private)


@every_placed
def test_losses_that_meet_in_one_scalar(name: str) -> None:
    """The scalar is then the last shared tensor, and the update the weighted sum of whole gradients."""
    problem, weighting = Problem(3), make(name, 3, at="representation")
    total = torch.stack(of_heads(problem, problem.trunk(problem.inputs), ALL)).sum()
    whole = gradient(total, problem.parameters)
    weights = weighting.backward([total, 2 * total, total**2], problem.parameters, [[], [], []])
    slopes = torch.stack([torch.tensor(1.0), torch.tensor(2.0), 2 * total.detach()])
    assert weighting.gramian is not None
    torch.testing.assert_close(weighting.gramian, torch.outer(slopes, slopes), rtol=1e-4, atol=1e-6)
    update = flat([p.grad for p in problem.parameters if p.grad is not None])
    torch.testing.assert_close(update, (weights @ slopes) * whole, rtol=1e-4, atol=1e-5)


def test_losses_that_are_no_scalars_are_one_line() -> None:
    """The task, by name where it is known, and the shape."""
    problem, weighting = Problem(2), make("equal", 2)
    weighting.bind(["a", "b"])
    first, second = problem.forward()[0]
    with pytest.raises(InputError, match=r"the loss of task 'b' has the shape \(1,\): expected a scalar"):
        weighting.backward([first, second[None]], problem.shared, problem.private)
    with pytest.raises(InputError, match=r"losses have the shape \(2, 1\): expected one number of each task"):
        weighting.backward(torch.stack([first, second])[:, None], problem.shared, problem.private)


@pytest.mark.parametrize(
    "take", [torch.stack, lambda losses: list(torch.stack(losses).unbind())], ids=["vector", "list"]
)
def test_entries_of_one_vector_need_something_that_tells_what_is_shared(take: Callable[..., Any]) -> None:
    """At the vector itself every task's gradient is a unit vector, and nothing could conflict."""
    problem = Problem(3)
    everything = [*problem.shared, *(p for part in problem.private for p in part)]
    losses, _ = problem.forward()
    with pytest.raises(InputError, match="entries of one vector, and nothing tells"):
        make("mgda", 3, at="representation").backward(take(losses), everything, [[], [], []])
    weights = make("mgda", 3, at="representation").backward(take(losses), problem.shared, problem.private)
    losses, _ = problem.forward()
    expected = make("mgda", 3, at="representation").backward(losses, problem.shared, problem.private)
    torch.testing.assert_close(weights, expected)
