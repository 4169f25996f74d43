"""What every sharing strategy does, on whatever encoder.

A check takes what makes a strategy for tasks of these names, and what draws the inputs of so many rows::

    strategies.no_row_sees_another(lambda names: Mine(shape, names, encoder), lambda rows: {"x": torch.randn(rows, 6)})
"""

import copy
import io
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from mtl.nn.encoder import Encoder, Inputs
from mtl.sharing.base import Sharing

TASKS = ("first", "second", "third")
ROWS = 6

Build = Callable[[Sequence[str]], Sharing]  # names of the tasks to strategy
Sample = Callable[[int], Inputs]  # number of rows to inputs, random ones each time


def disturbed(module: Sharing) -> Sharing:
    """The same in evaluation mode, with noise on every parameter: nothing is zero by its initial value.

    Wide ones get less, as their features would grow until a softmax is exactly 0.
    """
    noise = 0.3 if module.out_features < 50 else 0.03
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    return module.eval()


def some(inputs: Inputs, rows: Any) -> Inputs:
    """Some rows of the inputs."""
    return {name: values[rows] for name, values in inputs.items()}


def reached(module: nn.Module, inputs: Inputs) -> dict[str, set[int]]:
    """For each task the parameters (by identity) that what it gets from a strategy or a network depends on."""
    parameters = list(module.parameters())
    found = {}
    for name, out in module(inputs).items():
        total = (out * torch.randn_like(out)).sum()
        grads = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
        found[name] = {id(p) for p, g in zip(parameters, grads, strict=True) if g is not None and g.any()}
    return found


def reordered(sharing: Sharing, order: list[int]) -> dict[str, Tensor]:
    """The state of a strategy, for the same one whose tasks come in another order."""
    names = {id(parameter): name for name, parameter in sharing.named_parameters()}
    out = sharing.state_dict()
    for parameter, axis in sharing.per_task_axes():
        name = names[id(parameter)]
        slices = out[name].unflatten(axis, (len(order), -1)).index_select(axis, torch.tensor(order))
        out[name] = slices.flatten(axis, axis + 1)
    return out


def members(sharing: Sharing) -> int:
    """How many rows there are of each row of the inputs."""
    return max((one.members for one in sharing.modules() if isinstance(one, Encoder)), default=1)


def declared_parameters_are_those_that_autograd_finds(build: Build, sample: Sample) -> None:
    """Private ones are reached by their task alone, shared ones by two or more."""
    sharing = disturbed(build(TASKS))
    found = reached(sharing, sample(12))
    for name in TASKS:
        others = set().union(*(found[other] for other in TASKS if other != name))
        assert {id(p) for p in sharing.private_parameters(name)} == found[name] - others, name
    common = {i for a, b in permutations(found.values(), 2) for i in a & b}
    assert {id(p) for p in sharing.shared_parameters()} == common


def every_parameter_is_used_and_counted_once(build: Build, sample: Sample) -> None:
    """No parameter is left over, and none is both shared and private."""
    sharing = disturbed(build(TASKS))
    declared = [*sharing.shared_parameters(), *(p for name in TASKS for p in sharing.private_parameters(name))]
    assert sorted(map(id, declared)) == sorted(map(id, sharing.parameters()))
    used = set().union(*reached(sharing, sample(12)).values())
    assert used == {id(p) for p in sharing.parameters()}


def last_shared_layer_is_shared_by_all(build: Build, sample: Sample) -> None:
    """Its parameters are shared ones, it is there where any is shared, and every task that shares any reaches it."""
    sharing = disturbed(build(TASKS))
    layer = {id(p) for p in sharing.last_shared_layer()}
    shared = {id(p) for p in sharing.shared_parameters()}
    assert layer <= shared
    assert bool(layer) == bool(shared)
    for name, found in reached(sharing, sample(12)).items():
        assert bool(found & layer) == bool(found & shared), name


def one_representation_per_task(build: Build, sample: Sample) -> None:
    """In the order of the tasks, finite, of one shape: the rows, the candidates of a set, the features."""
    sharing, inputs = build(TASKS), sample(ROWS)
    out = sharing(inputs)
    assert tuple(out) == TASKS
    candidates = inputs["candidates"].shape[1:2] if "candidates" in inputs else ()
    assert {value.shape for value in out.values()} == {(ROWS * members(sharing), *candidates, sharing.out_features)}
    assert all(value.isfinite().all() for value in out.values())


def no_row_sees_another(build: Build, sample: Sample) -> None:
    """A row's representation is the same whatever rows stand beside it."""
    sharing, inputs = disturbed(build(TASKS)), sample(ROWS)
    whole, part = sharing(inputs), sharing(some(inputs, slice(2, 3)))
    each = members(sharing)
    for name in TASKS:
        torch.testing.assert_close(whole[name][2 * each : 3 * each], part[name], atol=1e-4, rtol=1e-4)


def order_of_the_tasks_is_only_the_order_of_the_answers(build: Build, sample: Sample) -> None:
    """Tasks named in another order, with the same values for each: the same answers, in the other order."""
    order = [2, 0, 1]
    names = tuple(TASKS[i] for i in order)
    first = disturbed(build(TASKS))
    second = build(names).eval()
    second.load_state_dict(reordered(first, order))
    inputs = sample(ROWS)
    expected, out = first(inputs), second(inputs)
    assert tuple(out) == names
    for name in TASKS:
        torch.testing.assert_close(out[name], expected[name])


def state_survives_saving_and_copying(build: Build, sample: Sample) -> None:
    """What is loaded from a file of tensors, and a deep copy, compute the same."""
    sharing, inputs = disturbed(build(TASKS)), sample(ROWS)
    file = io.BytesIO()
    torch.save(sharing.state_dict(), file)
    file.seek(0)
    other = build(TASKS).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    for again in (other, copy.deepcopy(sharing)):
        out = again(inputs)
        assert all(out[name].equal(value) for name, value in sharing(inputs).items())


def one_task_is_legal(build: Build, sample: Sample) -> None:
    """A strategy of a single task shares with nobody, and works."""
    sharing = build(("only",))
    assert tuple(sharing(sample(ROWS))) == ("only",)
    assert sharing.penalty().shape == ()


def mixture_is_a_row_per_task(build: Build, sample: Sample) -> None:
    """Where experts are mixed, what is reported of it are shares."""
    sharing = build(TASKS)
    sharing(sample(ROWS))
    mixture = sharing.mixture()
    if mixture is not None:
        assert mixture.dim() == 2
        assert len(mixture) == len(TASKS)
        assert not mixture.requires_grad
    stages = sharing.mixtures()
    assert all(stage.shape == stages[-1].shape for stage in stages)
    for stage in stages:  # before anything is learned, shares
        torch.testing.assert_close(stage.sum(1), torch.ones(len(TASKS)))
    assert stages[-1].equal(mixture) if mixture is not None else not stages


def penalty_is_finite_and_not_negative(build: Build, sample: Sample) -> None:
    """And does not depend on how the rows are divided among batches."""
    sharing, inputs = disturbed(build(TASKS)), sample(ROWS)
    penalty = sharing.penalty([inputs])
    assert penalty.shape == ()
    assert 0 <= penalty.item() < torch.inf
    parts = [some(inputs, slice(0, 2)), some(inputs, slice(2, ROWS))]
    torch.testing.assert_close(sharing.penalty(parts), penalty)  # the rows count, not how they are divided


def nothing_is_kept_from_the_last_batch(build: Build, sample: Sample) -> None:
    """A pass gives the same before and after another one."""
    sharing, inputs = disturbed(build(TASKS)), sample(ROWS)
    once = {name: value.detach().clone() for name, value in sharing(inputs).items()}
    sharing(sample(ROWS))
    again = sharing(inputs)
    assert all(again[name].equal(value) for name, value in once.items())


SHARING_CHECKS: tuple[Callable[[Build, Sample], None], ...] = (
    declared_parameters_are_those_that_autograd_finds,
    every_parameter_is_used_and_counted_once,
    last_shared_layer_is_shared_by_all,
    one_representation_per_task,
    no_row_sees_another,
    order_of_the_tasks_is_only_the_order_of_the_answers,
    state_survives_saving_and_copying,
    one_task_is_legal,
    mixture_is_a_row_per_task,
    penalty_is_finite_and_not_negative,
    nothing_is_kept_from_the_last_batch,
)
