"""The network: heads on representations, what dependent tasks see, and the parts its parameters fall into."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.errors import InputError
from mtl.network import Network, check_mixture
from mtl.nn.candidates import CandidateSet
from mtl.nn.encoder import SINGLE, Inputs
from mtl.nn.heads import RegressionHead
from mtl.nn.mlp import MLP
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.hard import Hard
from mtl.sharing.single_task import SingleTask
from mtl.tasks import Task, TaskGraph, binary, choice, classification, conditional, regression
from tests.sharing.strategies import reached

SET = {"candidates": (None, 5), "mask": (None,), "context": (3,)}


def network(
    *tasks: Task,
    sharing: Callable[..., Sharing] = Hard,
    detach: bool = True,
) -> Network:
    """A small network over six features, with noise on every parameter."""
    graph = TaskGraph(tasks)
    encoder: EncoderFactory = partial(MLP, widths=[8, 8], activation="tanh")
    return Network(sharing({SINGLE: (6,)}, graph.names, encoder), graph, detach)


def after(task: Task, *upstream: str) -> Task:
    """The task, now depending on others."""
    return replace(task, depends_on=upstream)


def chain() -> tuple[Task, ...]:
    """A regression that sees a classification that sees a binary decision, named against their order."""
    return (
        after(regression("value"), "kind", "flag"),
        after(classification("kind", 3), "flag"),
        binary("flag"),
    )


def test_predictions_come_in_the_order_of_the_tasks_with_their_shapes() -> None:
    out = network(*chain())({SINGLE: torch.randn(5, 6)})
    assert {name: tuple(value.shape) for name, value in out.items()} == {"value": (5,), "kind": (5, 3), "flag": (5,)}
    assert tuple(out) == ("value", "kind", "flag")


def test_dependent_head_sees_the_messages_behind_its_representation() -> None:
    net, inputs = network(*chain()).eval(), {SINGLE: torch.randn(5, 6)}
    out, representations = net(inputs), net.sharing(inputs)
    seen = torch.cat([representations["value"], out["kind"].softmax(-1), out["flag"].sigmoid().unsqueeze(-1)], -1)
    torch.testing.assert_close(out["value"], net.heads["value"](seen, inputs))


def test_head_without_dependence_sees_only_its_representation() -> None:
    net, inputs = network(*chain()).eval(), {SINGLE: torch.randn(5, 6)}
    torch.testing.assert_close(net(inputs)["flag"], net.heads["flag"](net.sharing(inputs)["flag"], inputs))


@pytest.mark.parametrize("sharing", [Hard, SingleTask])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("dependent", [True, False])
def test_partition_is_what_autograd_finds(sharing: type[Hard], detach: bool, dependent: bool) -> None:
    tasks = chain() if dependent else tuple(replace(task, depends_on=()) for task in chain())
    net = network(*tasks, sharing=sharing, detach=detach)
    shared, private, _ = net.partition()
    found = reached(net, {SINGLE: torch.randn(20, 6)})
    for name in net.graph.names:
        others = set().union(*(found[other] for other in net.graph.names if other != name))
        assert {id(p) for p in private[name]} == found[name] - others
    assert {id(p) for p in shared} == {i for a, b in combinations(found.values(), 2) for i in a & b}


@pytest.mark.parametrize("sharing", [Hard, SingleTask])
@pytest.mark.parametrize("detach", [True, False])
def test_partition_is_disjoint_and_complete(sharing: type[Hard], detach: bool) -> None:
    net = network(*chain(), sharing=sharing, detach=detach)
    shared, private, layer = net.partition()
    every = [*shared, *(p for own in net.partition().private_lists for p in own)]
    assert net.partition().private_lists == [private[name] for name in net.graph.names]
    assert sorted(map(id, every)) == sorted(map(id, net.parameters()))
    assert {id(p) for p in layer} <= {id(p) for p in shared}


def test_frozen_parameters_are_in_no_part() -> None:
    net = network(*chain())
    net.sharing.requires_grad_(False)
    shared, private, layer = net.partition()
    assert shared == layer == []
    assert sum(len(own) for own in private.values()) == 6


def test_detached_prediction_sends_no_gradient_back() -> None:
    for detach in (True, False):
        net = network(*chain(), detach=detach)
        net({SINGLE: torch.randn(5, 6)})["value"].sum().backward()
        upstream = [p.grad for p in net.heads["flag"].parameters()]
        assert all(grad is None for grad in upstream) == detach


def test_choice_tells_its_certainty_to_a_vector_task_and_hears_from_it() -> None:
    """Messages go between a task per candidate and a task per sample in both directions."""
    inputs = {
        "candidates": torch.randn(3, 4, 5),
        "mask": torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]).bool(),
        "context": torch.randn(3, 3),
    }
    for tasks in (
        (choice("pick"), after(regression("time"), "pick")),
        (after(choice("pick"), "time"), regression("time")),
    ):
        graph = TaskGraph(tasks)
        net = Network(Hard(SET, graph.names, partial(CandidateSet, width=8, heads=2)), graph).eval()
        out = net(inputs)
        assert out["pick"].shape == (3, 4)
        assert out["time"].shape == (3,)
        assert (out["pick"].isfinite() == inputs["mask"]).all()
        assert out["time"].isfinite().all()
        message = net.heads["pick"].message(out["pick"], inputs)  # type: ignore[operator]
        torch.testing.assert_close(message[0], torch.tensor([1.0, 0.0]))  # one candidate: certain, nothing to choose
        assert ((message >= 0) & (message <= 1 + 1e-6)).all()


def test_uniform_choice_is_least_certain() -> None:
    net = Network(Hard(SET, ("pick",), partial(CandidateSet, width=8, heads=2)), TaskGraph((choice("pick"),)))
    mask = torch.tensor([[True, True, True, False]])
    logits = torch.zeros(1, 4).masked_fill(~mask, -torch.inf)
    message = net.heads["pick"].message(logits, {"mask": mask})  # type: ignore[operator]
    torch.testing.assert_close(message, torch.tensor([[1 / 3, 1.0]]))


@pytest.mark.parametrize(
    ("tasks", "complaint"),
    [
        ((after(binary("a"), "b"), after(binary("b"), "a")), "circle: (a -> b -> a|b -> a -> b)"),
        ((after(binary("a"), "a"),), "circle: a -> a"),
        ((after(binary("a"), "bb"), binary("b")), "depends_on of 'a'"),
        ((binary("a"), binary("a")), "'a' is defined twice"),
        ((), "no task"),
    ],
)
def test_impossible_relations_are_one_line(tasks: tuple[Task, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        TaskGraph(tasks)


def test_generations_and_order() -> None:
    graph = TaskGraph((*chain(), binary("alone")))
    assert graph.generations == (("flag", "alone"), ("kind",), ("value",))
    assert graph.order == ("flag", "alone", "kind", "value")
    assert graph.names == ("value", "kind", "flag", "alone")


@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0])
def test_conditional_probability_is_the_product(shift: float) -> None:
    net = network(binary("click"), conditional("purchase", "click"), detach=False)
    with torch.no_grad():
        net.heads["purchase"].score[0].bias += shift  # type: ignore[index, operator, union-attr]
    inputs = {SINGLE: torch.randn(5, 6)}
    out, features = net(inputs), net.sharing(inputs)["purchase"]
    q = net.heads["purchase"].score(features).squeeze(-1).sigmoid()  # type: ignore[operator, union-attr]
    torch.testing.assert_close(out["purchase"].sigmoid(), out["click"].sigmoid() * q)
    out["purchase"].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_network_exports_with_dependent_tasks() -> None:
    net, inputs = network(*chain()).eval(), {SINGLE: torch.randn(5, 6)}
    rows = torch.export.Dim("rows", min=2, max=100)
    exported = torch.export.export(net, (inputs,), dynamic_shapes=({SINGLE: {0: rows}},)).module()
    inputs = {SINGLE: torch.randn(7, 6)}
    for name, value in net(inputs).items():
        torch.testing.assert_close(exported(inputs)[name], value)


def test_networks_of_single_tasks_have_nothing_in_common() -> None:
    """An encoder that is made once and handed out for every task would make a shared network of them, unsaid."""
    encoder, graph = MLP({SINGLE: (6,)}, [8]), TaskGraph((regression("a"), regression("b")))
    same = Network(SingleTask({SINGLE: (6,)}, graph.names, lambda _: encoder), graph)
    with pytest.raises(InputError, match="the networks of the tasks 'a' and 'b' have parameters in common"):
        same.partition()


class Flat(RegressionHead):
    """Says the numbers without the axis of a message."""

    def message(self, prediction: Tensor, inputs: Inputs) -> Tensor:
        return prediction


class Pair(RegressionHead):
    """Gives two things."""

    def forward(self, representation: Tensor, inputs: Inputs) -> Any:
        return representation, super().forward(representation, inputs)


def test_what_a_head_gives_is_what_it_says() -> None:
    """Else the next layer, or the loss, would fail in words of its own."""
    inputs = {SINGLE: torch.randn(5, 6)}
    with pytest.raises(InputError, match=r"head of task 'a': message gives the shape \(5,\), expected \[B, 1\]"):
        network(replace(regression("a"), head=Flat), after(binary("b"), "a"))(inputs)
    with pytest.raises(InputError, match="head of task 'a': forward gives a tuple, expected one tensor"):
        network(replace(regression("a"), head=Pair))(inputs)


def test_what_makes_a_head_makes_a_new_one_of_its_kind() -> None:
    """A module of torch is called otherwise, and a head that is used again has learned what another run taught it."""
    with pytest.raises(InputError, match=r"head of task 'a': expected a Head of .* and it is a Linear"):
        network(replace(regression("a"), head=lambda features: nn.Linear(features, 1)))  # type: ignore[arg-type,return-value]
    made = regression("a").head(8)
    once = replace(regression("a"), head=lambda features: made)
    kept = network(once)
    with pytest.raises(InputError, match="head of task 'a': what makes it gives the same RegressionHead again"):
        network(once)
    assert kept.heads["a"] is made


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (torch.zeros(2, 8), "expected a mapping from tasks to representations, and got a Tensor"),
        ({"a": torch.zeros(2, 8)}, "no representation of task 'b': found: a"),
        ({"a": torch.zeros(2, 8), "b": torch.zeros(2, 9)}, "task 'b' has 9 features, where .* say 8$"),
        (dict.fromkeys("ab", torch.zeros(2, 8, 5, 4)), r"say 8: found \(2, 8, 5, 4\), expected the features last"),
    ],
)
def test_what_a_strategy_gives_is_checked(given: object, says: str) -> None:
    made = network(regression("a"), binary("b"))
    with pytest.raises(InputError, match=rf"Hard\.forward: .*{says}"):
        made.predictions(given, {SINGLE: torch.zeros(2, 6)})  # type: ignore[arg-type]


class InAList(Hard):
    """Keeps a layer where torch does not look."""

    def __init__(self, *given: Any, kept: Any, frozen: bool = False) -> None:
        super().__init__(*given)
        layer = nn.Linear(2, 2).requires_grad_(not frozen)
        self.kept = kept(layer)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (lambda layer: [layer], r"InAList\.kept: a list of layers, .*: expected nn\.ModuleList"),
        (lambda layer: {"a": ("a", [layer.weight])}, r"InAList\.kept: a dict of layers, .*: expected nn\.ModuleDict"),
    ],
    ids=["list", "mapping"],
)
def test_layers_that_would_not_be_trained_are_refused(kept: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        network(binary("a"), binary("b"), sharing=partial(InAList, kept=kept))
    network(binary("a"), binary("b"), sharing=partial(InAList, kept=kept, frozen=True))
    network(binary("a"), binary("b"), sharing=partial(InAList, kept=lambda layer: nn.ModuleList([layer])))


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        (
            "private_parameters",
            None,
            r"OfSomething\.private_parameters: expected an iterator over parameters, and got a N",
        ),
        ("private_parameters", ["a"], r"OfSomething\.private_parameters: .*, and one of them is a str"),
        (
            "last_shared_layer",
            nn.Parameter(torch.ones(2, 2)),
            r"OfSomething\.last_shared_layer: .* one of them is a Tensor",
        ),
    ],
    ids=["nothing", "names", "one tensor"],
)
def test_what_a_strategy_declares_are_parameters(method: str, given: Any, said: str) -> None:
    strategy = type("OfSomething", (Hard,), {method: lambda self, *task: given})
    with pytest.raises(InputError, match=said):
        network(binary("a"), binary("b"), sharing=strategy).partition()


def test_a_mixture_is_a_row_for_each_task() -> None:
    sharing = network(binary("a"), binary("b")).sharing
    for given in (None, torch.ones(2, 5)):
        check_mixture(given, sharing)
    for wrong, found in ((torch.ones(2), r"the shape \(2,\)"), ([[1.0], [1.0]], "a list")):
        with pytest.raises(InputError, match=rf"Hard\.mixture: expected None, or how much each task .*; got {found}"):
            check_mixture(wrong, sharing)
