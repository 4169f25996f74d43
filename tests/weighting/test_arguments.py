"""What ``backward`` of any weighting refuses, in a loop of one's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Step, Weighting
from tests.weighting.problems import LOOKING_AROUND, METHODS, PLACED, make

EACH_KIND = ("equal", "upgrad", "graddrop", "auto_lambda")
each_kind = pytest.mark.parametrize("name", EACH_KIND)
Change = Callable[[Problem], tuple[Any, Any, Any]]


def losses_of(problem: Problem) -> list[Tensor]:
    """With a graph of their own."""
    return list(problem.forward()[0])


WRONG: dict[str, tuple[Change, str]] = {
    "parameters of all heads in one list": (
        lambda p: (losses_of(p), p.shared, [one for part in p.private for one in part]),
        r"private: expected a list of 2 entries, as \[head.parameters\(\) for head in heads\], and got one of 4",
    ),
    "one parameter for each task": (
        lambda p: (losses_of(p), p.shared, [part[0] for part in p.private]),
        r"private\[0\]: expected several parameters, as of trunk.parameters\(\), and got a Parameter",
    ),
    "a generator of all heads' parameters": (
        lambda p: (losses_of(p), p.shared, (one for part in p.private for one in part)),
        "private: expected a list of 2 entries, .* and got a generator",
    ),
    "one entry too few": (lambda p: (losses_of(p), p.shared, p.private[:1]), "and got one of 1"),
    "one entry too many": (lambda p: (losses_of(p), p.shared, [*p.private, []]), "and got one of 3"),
    "a module": (lambda p: (losses_of(p), p.trunk, p.private), "shared: expected several parameters"),
    "names too": (
        lambda p: (losses_of(p), p.trunk.named_parameters(), p.private),
        "shared: expected several parameters, .* and got a generator",
    ),
    "numbers": (
        lambda p: ([loss.item() for loss in losses_of(p)], p.shared, p.private),
        "the loss of task number 0 is a float: expected a tensor",
    ),
    "losses by name": (
        lambda p: (dict(zip("ab", losses_of(p), strict=True)), p.shared, p.private),
        "losses: expected a list of 2 scalars, and got a dict",
    ),
    "losses without a graph": (
        lambda p: ([loss.detach() for loss in losses_of(p)], p.shared, p.private),
        "no loss has a graph, so nothing would be trained",
    ),
}


@each_kind
@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_one_line(name: str, case: str) -> None:
    """Some of them would train nothing, or no head, without a word."""
    change, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        make(name, 2).backward(*change(Problem(2)))


@each_kind
@pytest.mark.parametrize("place", ["shared", "private[1]"])
def test_generators_that_were_used_up_are_one_line(name: str, place: str) -> None:
    """As of ``parameters()`` called once, before the loop: from the second step on nothing would be trained."""
    problem, weighting = Problem(2), make(name, 2)
    shared: Any = problem.trunk.parameters() if place == "shared" else problem.shared
    private: Any = problem.private if place == "shared" else [problem.private[0], (p for p in problem.private[1])]
    weighting.backward(losses_of(problem), shared, private)
    with pytest.raises(InputError, match="a generator that was used up before") as refused:
        weighting.backward(losses_of(problem), shared, private)
    assert str(refused.value).startswith(f"{place}:")


every_method = pytest.mark.parametrize("name", [*METHODS, *LOOKING_AROUND])


@every_method
def test_parameters_of_some_of_the_tasks_are_shared_ones(name: str) -> None:
    """Not private of each: a method that sums up what all private parameters get would count them twice."""
    problem = Problem(3)
    layer = nn.Linear(6, 6)
    losses, h = problem.forward()
    losses = [*(head(layer(h)).square().mean() + 0.1 for head in list(problem.heads)[:2]), losses[2]]
    private = [[*own, *(layer.parameters() if i < 2 else ())] for i, own in enumerate(problem.private)]
    with pytest.raises(InputError, match="as private of task number 0 and of task number 1: expected it among the sha"):
        make(name, 3).backward(losses, problem.shared, private, step=problem.whole_step)


def in_a_chain(problem: Problem) -> list[Tensor]:
    """The second task multiplies what the first one predicts, as a click and what is bought after it."""
    h = problem.trunk(problem.inputs)
    first, second = (head(h).sigmoid().squeeze(-1) for head in problem.heads)
    return [(first - 0.5).square().mean(), (first * second - 0.2).square().mean()]


@every_method
def test_losses_reach_no_private_parameter_of_another_task(name: str) -> None:
    """Its gradient there would be left out, where a method takes the losses one by one."""
    problem, weighting = Problem(2), make(name, 2)
    losses = in_a_chain(problem)
    step = Step(recompute=lambda: [in_a_chain(problem)])
    wanted = torch.autograd.grad(losses[1], problem.private[0], retain_graph=True)
    if not isinstance(weighting, LossWeighting):
        with pytest.raises(
            InputError, match=r"loss of task number 1 reaches a parameter .* private of task number 0: "
        ):
            weighting.backward(losses, problem.shared, problem.private, step=step)
        shared = [*problem.shared, *problem.private[0]]
        assert make(name, 2).backward(losses, shared, [[], problem.private[1]], step=step).isfinite().all()
        return
    weights = weighting.backward(losses, problem.shared, problem.private)
    own = torch.autograd.grad(in_a_chain(problem)[0], problem.private[0])
    for p, one, other in zip(problem.private[0], own, wanted, strict=True):
        torch.testing.assert_close(p.grad, weights[0] * one + weights[1] * other)
    with pytest.raises(InputError, match="since its gradient there would be left out"):
        make("famo", 2).backward(in_a_chain(problem), problem.shared, problem.private, step=Step(batches=2, last=False))


@each_kind
def test_operations_for_several_tasks_at_once_reach_no_other_task(name: str) -> None:
    """Of heads whose weights are put together, each loss has a gradient of zero by those of the others."""
    updates = []
    for together in (True, False):
        problem = Problem(2)
        losses, h = problem.forward()
        if together:
            heads = [head for head in problem.heads if isinstance(head, nn.Linear)]
            out = h @ torch.cat([head.weight for head in heads]).T + torch.cat([head.bias for head in heads])
            losses = [((out[:, i] - problem.targets[:, i]).square().mean() + 0.1) for i in range(2)]
        make(name, 2).backward(losses, problem.shared, problem.private)
        updates.append(torch.cat([problem.update(), problem.private_update(0), problem.private_update(1)]))
    torch.testing.assert_close(*updates)


@pytest.mark.parametrize("name", ["auto_lambda", "moml", "forum"])
def test_held_out_losses_need_a_graph(name: str) -> None:
    """Measured under ``torch.no_grad()`` they would teach nothing, without a word."""
    problem, weighting = Problem(2), make(name, 2)
    problem.backward(weighting)
    with torch.no_grad():
        held_out = losses_of(problem)
    with pytest.raises(InputError, match="no held-out loss has a graph, so no weight would be learned"):
        weighting.on_held_out_losses(held_out, problem.shared, problem.private)


@pytest.mark.parametrize("name", ["auto_lambda", "moml", "forum", "coba"])
def test_held_out_rows_without_any_label_teach_nothing(name: str) -> None:
    """Where labels are few, no held-out row of a step may have one; the next step goes on."""
    problem, weighting = Problem(2), make(name, 2)
    problem.backward(weighting)
    state = {key: value.clone() for key, value in weighting.state_dict().items()}
    weighting.on_held_out_losses(losses_of(problem), problem.shared, problem.private, Step(tasks=()))
    torch.testing.assert_close(dict(weighting.state_dict()), state, equal_nan=True)
    problem.backward(weighting)


@pytest.mark.parametrize("name", ["auto_lambda", "moml", "forum", "coba"])
def test_held_out_losses_are_of_all_tasks(name: str) -> None:
    """As those of a step."""
    problem, weighting = Problem(3), make(name, 3)
    problem.backward(weighting)
    for losses, private, said in (
        (losses_of(problem)[:2], problem.private, "made for 3 tasks and got 2 losses"),
        (losses_of(problem), problem.private[:2], "private: expected a list of 3 entries"),
    ):
        with pytest.raises(InputError, match=said):
            weighting.on_held_out_losses(losses, problem.shared, private)


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_held_out_losses_are_of_the_parameters_of_the_step(name: str) -> None:
    problem, weighting = Problem(2), make(name, 2)
    problem.backward(weighting)
    with pytest.raises(InputError, match="the parameters of the held-out losses are not those of the step before"):
        weighting.on_held_out_losses(losses_of(problem), problem.shared[:2], problem.private)


@every_method
def test_parts_may_be_frozen_in_the_course_of_training(name: str) -> None:
    """And set free again: what is remembered of other parameters is not compared with what is there."""
    problem, weighting = Problem(3), make(name, 3)
    for frozen in (True, False, True):
        problem.trunk[0].requires_grad_(not frozen)
        for _ in range(2):
            problem.clear()
            weights = problem.backward(weighting)
            problem.feed_held_out(weighting)
            assert weights.isfinite().all()
            assert problem.update().isfinite().all()
        assert (problem.trunk[0].weight.grad is None) == frozen


@each_kind
def test_tasks_of_a_step_are_among_those_there_are(name: str) -> None:
    """Each once."""
    for tasks in ((0, 2), (1, 1), (-1,)):
        problem = Problem(2)
        with pytest.raises(InputError, match=r"step.tasks=.*: expected different numbers from 0 to 1"):
            make(name, 2).backward(losses_of(problem), problem.shared, problem.private, step=Step(tasks=tasks))


@every_method
def test_the_calls_of_a_step_are_of_the_same_tasks(name: str) -> None:
    """Where each task's gradient is gathered; otherwise the weights of a call do not depend on the others."""
    problem, weighting = Problem(3), make(name, 3)
    problem.backward(weighting, Step(batches=2, last=False), 0, 6)
    if isinstance(weighting, LossWeighting) and weighting.linear:
        assert problem.backward(weighting, Step(tasks=(0, 1), batches=2), 6, 12).isfinite().all()
        return
    with pytest.raises(InputError, match="not the same in all its calls of backward: expected those of the first one"):
        problem.backward(weighting, Step(tasks=(0, 1), batches=2), 6, 12)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batches": 0}, "step.batches=0: expected a whole number, 1 or more"),
        ({"batches": 1.5}, "step.batches=1.5: expected a whole number"),
        ({"scale": 0.0}, "step.scale=0.0: expected a finite number, above 0"),
        ({"scale": float("nan")}, "step.scale=nan: expected a finite number, above 0"),
        ({"scale": float("inf")}, "step.scale=inf: expected a finite number, above 0"),
        ({"tasks": (True, False)}, r"step.tasks=\(True, False\): expected numbers of tasks, such as \(0, 2\)"),
        ({"tasks": 0}, "step.tasks=0: expected numbers of tasks"),
        ({"last": None}, "step.last=None: expected true or false"),
    ],
)
def test_steps_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Step(**wrong)


@every_method
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_of_half_precision(name: str, dtype: torch.dtype) -> None:
    """As of a network that is in half precision itself; weights are computed in single precision."""
    updates = []
    for precision in (torch.float32, dtype):
        problem, weighting = Problem(3), make(name, 3)
        for _ in range(2):
            problem.clear()
            losses = [loss.to(precision) for loss in problem.forward()[0]]
            weights = weighting.backward(losses, problem.shared, problem.private, step=problem.whole_step)
            weighting.after_step(lambda losses=losses: torch.stack(losses))
        assert weights.dtype == torch.float32
        updates.append(problem.update())
    cosine = torch.nn.functional.cosine_similarity(*updates, 0)
    assert cosine > 0.99


@pytest.mark.parametrize(("at", "width"), [("representation", 6), ("parameters", 600), ("parameters", 6)])
def test_small_gradients_of_scaled_losses_do_not_vanish_in_half_precision(at: str, width: int) -> None:
    """Gradients at the representation, and behind a large linear layer, are as small as those of parameters."""
    torch.manual_seed(0)
    trunk = nn.Linear(width, width)
    heads = [nn.Sequential(nn.Linear(width, 3), nn.Tanh(), nn.Linear(3, 1)) for _ in range(2)]
    inputs, targets, factor = torch.randn(8, width), torch.randn(2, 8, 1), 2.0**16
    found = []
    for precision in (torch.float32, torch.float16):
        trunk.zero_grad()
        h = nn.functional.linear(*(value.to(precision) for value in (inputs, trunk.weight, trunk.bias)))
        losses = [1e-6 * (head(h.float()) - y).square().mean() for head, y in zip(heads, targets, strict=True)]
        weighting, private = make("upgrad", 2, at=at), [list(head.parameters()) for head in heads]
        weighting.backward(losses, trunk.parameters(), private, step=Step(scale=factor), representation=h)
        assert weighting.gramian is not None
        assert trunk.weight.grad is not None
        found.append((trunk.weight.grad / factor, weighting.gramian))
    for single, half in zip(*found, strict=True):
        assert float((single - half).norm() / single.norm()) < 0.01


@pytest.mark.parametrize("linear", [True, False])
def test_opposed_gradients_are_combined_in_single_precision(linear: bool) -> None:
    """Little is left of them: weights or shares of half precision would make an update that harms a task."""
    torch.manual_seed(0)
    trunk, inputs = nn.Linear(5, 32), torch.randn(16, 5)
    heads = [nn.Parameter(factor * torch.ones(32) + 0.03 * torch.randn(32)) for factor in (1.0, -1.37)]
    h, arriving = trunk(inputs).bfloat16(), list[Tensor]()
    read = [head.bfloat16() for head in heads]
    outputs = [h @ head[:, None] if linear else (h * head).sum(1) for head in read]
    losses = [y.float().sum() for y in outputs]
    gradients = torch.stack([torch.autograd.grad(loss, h, retain_graph=True)[0].double().flatten() for loss in losses])
    h.register_hook(arriving.append)
    weighting = make("mgda", 2, at="representation")
    weights = weighting.backward(losses, trunk.parameters(), [[head] for head in heads], representation=h)
    expected = gradients @ (weights.double() @ gradients)
    assert float(expected.min()) > 0
    torch.testing.assert_close(gradients @ arriving[-1].double().flatten(), expected, rtol=0.03, atol=0)


def linear_of_task(problem: Problem) -> list[nn.Parameter]:
    """A head's parameters, which are not shared."""
    return problem.private[0]


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (linear_of_task, "layer: expected parameters that are shared, and got some that are not"),
        (lambda _: [], "weighting.at=last_shared: the last shared layer has no parameters that are trained"),
    ],
    ids=["of a head", "of nothing"],
)
def test_the_last_shared_layer_has_shared_parameters(
    name: str, layer: Callable[[Problem], list[nn.Parameter]], said: str
) -> None:
    """Otherwise all gradients compared would be zero, and the weights those of nothing."""
    problem = Problem(2)
    with pytest.raises(InputError, match=said):
        make(name, 2, at="last_shared").backward(
            losses_of(problem), problem.shared, problem.private, layer=layer(problem)
        )


TOLD = {
    "dwa": lambda weighting, losses: weighting.on_epoch_end(losses),
    "uncertainty": lambda weighting, losses: weighting.on_epoch_end(losses),
    "gradnorm": lambda weighting, losses: weighting.on_initial_losses(losses),
    "famo": lambda weighting, losses: weighting.after_step(lambda: losses),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_a_loop_tells_is_of_every_task(name: str) -> None:
    """As a vector, as a list of numbers or of losses; of another number of tasks, or of none, it is one line."""
    values, states = [0.5, 0.25, 0.1], []
    numbers = torch.tensor(values)
    for given in (numbers, values, [*numbers], numbers.clone().requires_grad_()):
        problem, weighting = Problem(3), make(name, 3)
        problem.backward(weighting)
        TOLD[name](weighting, given)
        states.append(weighting.state_dict())
    for state in states[1:]:
        for key, value in state.items():
            torch.testing.assert_close(value, states[0][key], equal_nan=True)
    for wrong in (numbers[:2], values[:2], 0.5, None, torch.ones(3, 1)):
        with pytest.raises(InputError, match="expected 3 losses, one of each task, and got "):
            TOLD[name](make(name, 3), wrong)


@every_method
@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "b"], "abc"], ids=str)
def test_names_are_one_for_each_task(name: str, names: Any) -> None:
    with pytest.raises(InputError, match="bind: expected the names of 3 tasks, and got"):
        make(name, 3).bind(names)


def test_every_method_says_its_tasks_by_name() -> None:
    """Auto-Lambda too, which looks at the names itself."""
    problem, weighting = Problem(2), make("auto_lambda", 2)
    weighting.bind(["click", "buy"])
    losses: list[Any] = losses_of(problem)
    with pytest.raises(InputError, match="the loss of task 'buy' is a float"):
        weighting.backward([losses[0], losses[1].item()], problem.shared, problem.private)


@pytest.mark.parametrize("name", ["samo", "forum"])
@pytest.mark.parametrize(
    ("recompute", "said"),
    [
        (losses_of, "step.recompute: expected a list of 2 losses of each batch"),
        (lambda p: [losses_of(p)[:1]], "step.recompute: expected 2 losses of each batch, and got 1"),
        (lambda p: [[loss.detach() for loss in losses_of(p)]], "step.recompute: no loss has a graph"),
    ],
    ids=["of one batch", "of one task", "without a graph"],
)
def test_losses_that_are_computed_once_more_are_those_of_the_step(
    name: str, recompute: Callable[[Problem], Any], said: str
) -> None:
    """Without a graph there would be no update, or one that looks around nowhere."""
    problem = Problem(2)
    with pytest.raises(InputError, match=said):
        make(name, 2).backward(
            losses_of(problem), problem.shared, problem.private, step=Step(recompute=lambda: recompute(problem))
        )


@every_method
def test_something_is_trained(name: str) -> None:
    """One line where nothing is; where a step is of a task without trained parameters alone, it changes nothing."""
    problem = Problem(2)
    with pytest.raises(InputError, match=r"shares none that are trained|handed over, none is trained"):
        make(name, 2).backward(losses_of(problem), [], [[], []], step=problem.whole_step)
    weighting = make(name, 2)
    if weighting.needs_shared:
        return
    step = Step(tasks=(0,), recompute=problem.whole_step.recompute)
    weights = weighting.backward(losses_of(problem), [], [[], problem.private[1]], step=step)
    assert weights.isfinite().all()
    assert all(p.grad is None for p in problem.parameters)


@each_kind
def test_a_detached_trunk_is_said_once(name: str) -> None:
    """At the first step with a graph of every task; not of frozen parameters, nor of those that one task reaches."""
    trunk, unused, heads = nn.Linear(4, 3), nn.Embedding(5, 3), [nn.Linear(3, 1), nn.Linear(3, 1)]
    shared, private = [*trunk.parameters(), *unused.parameters()], [list(head.parameters()) for head in heads]

    def losses(detached: bool) -> list[Tensor]:
        h = trunk(torch.ones(2, 4))
        first = unused(torch.tensor([0, 0]))  # whose other rows are in no batch
        return [heads[0](h.detach() if detached else h).square().mean(), heads[1](first).square().mean()]

    make(name, 2).backward(losses(detached=False), shared, private)
    weighting = make(name, 2)
    weighting.backward([losses(detached=True)[0], torch.zeros(())], shared, private, step=Step(tasks=(0,)))
    with pytest.warns(UserWarning, match=r"^no loss of this step reaches 2 of 3 shared parameters \(15 numbers\)"):
        weighting.backward(losses(detached=True), shared, private)
    weighting.backward(losses(detached=True), shared, private)
    trunk.requires_grad_(False)
    make(name, 2).backward(losses(detached=True), shared, private)


@each_kind
def test_a_step_without_any_label_changes_nothing(name: str) -> None:
    """No gradient, and weights of 0."""
    problem = Problem(2)
    weights = make(name, 2).backward(losses_of(problem), problem.shared, problem.private, step=Step(tasks=()))
    assert weights.tolist() == [0.0, 0.0]
    assert all(p.grad is None for p in problem.parameters)


@each_kind
def test_gradients_need_not_be_recorded_around_it(name: str) -> None:
    """As for ``loss.backward()``, which may be called under ``torch.no_grad()``."""
    problem, plain = Problem(2), Problem(2)
    losses = losses_of(problem)
    with torch.no_grad():
        make(name, 2).backward(losses, problem.shared, problem.private)
    make(name, 2).backward(losses_of(plain), plain.shared, plain.private)
    for one, other in zip(problem.parameters, plain.parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)


class Making:
    """Makes what a test gives it of its first argument."""

    def __init__(self, made: Callable[[Tensor], Any]) -> None:
        super().__init__(2)  # type: ignore[call-arg]  # as the weighting beside it does
        self.made = made

    def forward(self, first: Tensor, *_: Tensor) -> Any:
        return self.made(first)


class OwnLoss(Making, LossWeighting):  # type: ignore[misc]  # its forward makes something else
    """Of the losses."""


class OwnGradient(Making, GradientWeighting):  # type: ignore[misc]
    """Of the Gramian."""


class OwnDirection(Making, DirectionWeighting):  # type: ignore[misc]
    """Of the Jacobian."""


@pytest.mark.parametrize(
    ("weighting", "message"),
    [
        (OwnLoss(lambda losses: None), r"OwnLoss.forward gives a NoneType: expected one number, \[\]"),
        (OwnLoss(lambda losses: losses), r"OwnLoss.forward gives the shape \(2,\): expected one number"),
        (OwnLoss(lambda losses: losses.sum().detach()), "OwnLoss.forward gives a number that does not depend on the"),
        (
            OwnGradient(lambda gramian: gramian.mean()[None]),
            r"OwnGradient.forward gives the shape \(1,\): expected a weig",
        ),
        (OwnDirection(lambda jacobian: jacobian[0]), "OwnDirection.forward gives a Tensor: expected a direction and"),
        (
            OwnDirection(lambda rows: (rows, rows[:, 0])),
            r"OwnDirection.forward gives the shape \(2, \d+\): expected a d",
        ),
        (OwnDirection(lambda rows: (rows[0], 1.0)), "OwnDirection.forward gives a float: expected with it a weight of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_an_own_method_makes_is_of_the_tasks(weighting: Weighting, message: str) -> None:
    """One weight would be that of all tasks."""
    with pytest.raises(InputError, match=f"^{message}"):
        Problem(2).backward(weighting)


class Kept(DirectionWeighting):
    """Gives a number that it keeps, or a row of what it was given."""

    def __init__(self, row: bool) -> None:
        super().__init__(2)
        self.row = row
        self.register_buffer("last", torch.zeros(0))

    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        if self.row:
            return jacobian[0], torch.ones_like(losses)
        self.last = self.last.new_zeros(jacobian.shape[1]) if len(self.last) == 0 else self.last
        return self.last.copy_(jacobian.sum(0)), torch.ones_like(losses)


@pytest.mark.parametrize("row", [True, False])
def test_gradients_are_in_memory_that_an_own_method_does_not_keep(row: bool) -> None:
    """Also where they are added to, made zero in place or clipped: neither changes what the method has kept."""
    problem, weighting = Problem(2), Kept(row)
    problem.backward(weighting, stop=6)
    first = problem.update()
    problem.backward(weighting, start=6)
    added = problem.update()
    for p in problem.parameters:
        p.grad.zero_()
    problem.backward(weighting, start=6)
    torch.testing.assert_close(added, first + problem.update())
    for p in problem.parameters:
        p.grad.zero_()
    assert row or float(weighting.last.norm()) > 0


class Changing(GradientWeighting):
    """Changes what it is given and what it has handed over."""

    def __init__(self) -> None:
        super().__init__(2)
        self.register_buffer("weights", torch.ones(2))

    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        gramian.fill_diagonal_(0)
        return self.weights.add_(1)


def test_what_is_reported_stays_as_it_was() -> None:
    """Of the weights and of the Gramian, whatever an own method does with its memory."""
    problem, weighting = Problem(2), Changing()
    weights = [problem.backward(weighting) for _ in range(2)]
    assert [one.tolist() for one in weights] == [[2, 2], [3, 3]]
    assert weighting.gramian is not None
    rows = problem.gradients()[0]
    torch.testing.assert_close(weighting.gramian, rows @ rows.T)
