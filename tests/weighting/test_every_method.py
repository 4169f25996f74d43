"""What every method found in conf/weighting has to do, whatever it is."""

import copy
import math
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Step, Weighting
from mtl.weighting.state.simplex import SimplexWeights
from tests.weighting.problems import (
    METHODS,
    NORMALISATIONS,
    PLACED,
    PLACES,
    PREFERENCE,
    VARIANTS,
    Problem,
    flat,
    is_random,
    label,
    make,
    method,
)

COMPARING = tuple(name for name in METHODS if not issubclass(method(name), LossWeighting))
every_method = pytest.mark.parametrize("name", METHODS)
every_variant = pytest.mark.parametrize(("name", "changed"), VARIANTS, ids=map(label, VARIANTS))


@every_method
@pytest.mark.parametrize("num_tasks", [1, 2, 5])
def test_finite_at_every_scale(name: str, num_tasks: int) -> None:
    """Weights and update are finite, also after some steps, for one task, for many, and for losses of any size."""
    for scale in (1e-8, 1.0, 1e8):
        finite_at(name, num_tasks, scale)


def finite_at(name: str, num_tasks: int, scale: float) -> None:
    """Three steps that go equally far, and one more."""
    problem = Problem(num_tasks, [scale] * num_tasks)
    weighting = make(name, num_tasks)
    problem.train(weighting, 3, lr=0.01 / scale)
    problem.clear()
    weights = problem.backward(weighting)
    assert weights.isfinite().all()
    assert problem.update().isfinite().all()


@every_variant
def test_finite_for_losses_of_unlike_size(name: str, changed: dict[str, Any]) -> None:
    """One loss sixteen orders of magnitude above another, and one of 1e8 or 1e-8 beside nothing else of its size."""
    for factors in ([1e-8, 1.0, 1e8], [1e-8] * 3, [1e8] * 3):
        problem = Problem(3, factors)
        weights = problem.backward(make(name, 3, **changed))
        assert weights.isfinite().all()
        assert problem.update().isfinite().all()


def degenerate(case: str) -> Problem:
    """Three tasks whose gradients are all zero, of which one has none, two have the same, two are exactly opposed, or
    which lie in a plane.
    """
    problem = Problem(3)
    heads, targets = problem.heads, problem.targets
    with torch.no_grad():
        if case == "zero":
            for head in heads:
                head.weight.zero_()
        elif case == "one zero":
            heads[1].weight.zero_()
        elif case == "duplicated":
            targets[:, 1] = targets[:, 0]
            heads[1].load_state_dict(heads[0].state_dict())
        elif case == "opposed":  # the same error everywhere, and heads of opposite sign
            heads[1].weight.copy_(-heads[0].weight)
            h = problem.trunk(problem.inputs)
            targets[:, :2] = torch.cat([heads[0](h), heads[1](h)], 1) - 1
        else:  # the third error is the sum of the other two, through the same weights
            for head in heads:
                head.load_state_dict(heads[0].state_dict())
            errors = [heads[0](problem.trunk(problem.inputs))[:, 0] - targets[:, i] for i in range(2)]
            targets[:, 2] = targets[:, 0] - errors[1]
    return problem


DEGENERATE = {"zero": 0, "one zero": 2, "duplicated": 2, "opposed": 2, "dependent": 2}  # rank


@pytest.mark.parametrize(("case", "rank"), DEGENERATE.items())
def test_degenerate_problems_are_so(case: str, rank: int) -> None:
    """Rank of the task gradients."""
    rows, _ = degenerate(case).gradients()
    assert int(torch.linalg.matrix_rank(rows, atol=1e-5)) == rank
    if case == "opposed":
        torch.testing.assert_close(rows[0], -rows[1], rtol=1e-4, atol=1e-6)


@every_variant
def test_finite_for_degenerate_gradients(name: str, changed: dict[str, Any]) -> None:
    """At once and in the step after it."""
    for case in DEGENERATE:
        problem = degenerate(case)
        weighting = make(name, 3, **changed)
        problem.train(weighting, 1, lr=1e-3)
        problem.clear()
        assert problem.backward(weighting).isfinite().all(), case
        assert flat([p.grad for p in problem.parameters if p.grad is not None]).isfinite().all(), case


@every_variant
def test_one_task_is_learned_as_if_alone(name: str, changed: dict[str, Any]) -> None:
    """K = 1: the update points along the gradient, up to its length."""
    problem = Problem(1)
    changed = {**changed, "preference": [0.3]} if "preference" in changed else changed
    weighting = make(name, 1, **changed)
    for _ in range(3):
        problem.train(weighting, 1, lr=0.01)
        problem.clear()
        (gradient, private_gradient), weights = (part[0] for part in problem.gradients()), problem.backward(weighting)
        cosine = torch.nn.functional.cosine_similarity(problem.update(), gradient, 0)
        assert float(cosine) == pytest.approx(1, abs=1e-3)
        assert float(torch.nn.functional.cosine_similarity(problem.private_update(0), private_gradient, 0)) > 0.999
        assert float(weights[0]) > 0


@every_method
def test_order_of_the_tasks_does_not_matter(name: str) -> None:
    """Tasks in another order get the same weights and make the same update; on average for methods that draw."""
    order = [2, 0, 1]
    problem = Problem(3, [1.0, 0.5, 2.0])
    other = problem.permuted(order)
    one, two = make(name, 3), make(name, 3)
    rounds = 800 if is_random(one) else 1
    gradients, _ = problem.gradients()
    losses = problem.current_losses()

    def mean(weighting: object, tasks: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        if rounds == 1:
            p = problem if weighting is one else other
            weights = p.backward(weighting)  # type: ignore[arg-type]
            return weights, p.update()
        total_weights, total = torch.zeros(3), torch.zeros(gradients.shape[1])
        numbers = torch.arange(3)
        for _ in range(rounds):
            j = gradients[tasks]
            if isinstance(weighting, LossWeighting):
                seen = losses[tasks].requires_grad_()
                (weights,) = torch.autograd.grad(weighting(seen, numbers), seen)
                direction = weights @ j
            elif isinstance(weighting, GradientWeighting):
                weights = weighting(j @ j.T, losses[tasks], numbers).float()
                direction = weights @ j
            else:
                assert isinstance(weighting, DirectionWeighting)
                direction, weights = weighting(j.clone(), losses[tasks], numbers)
            total_weights += weights / rounds
            total += direction / rounds
        return total_weights, total

    weights, update = mean(one, [0, 1, 2])
    permuted_weights, permuted_update = mean(two, order)
    tolerance = 0.1 if rounds > 1 else 1e-3
    torch.testing.assert_close(
        permuted_weights, weights[order], rtol=tolerance, atol=tolerance * float(weights.abs().max())
    )
    torch.testing.assert_close(permuted_update, update, rtol=tolerance, atol=tolerance * float(update.abs().max()))


@every_method
@pytest.mark.parametrize("normalise", ["none", *NORMALISATIONS])
def test_reported_weights_are_those_of_the_update(name: str, normalise: str) -> None:
    """A loss weighting: derivatives of the objective. A gradient weighting: the update is the weighted sum of task
    gradients. A direction: weights are those of the private gradients.
    """
    problem = Problem(3, [1.0, 3.0, 0.2])
    weighting = make(name, 3, normalise=normalise)
    problem.train(weighting, 3)  # away from the start, where many methods are alike
    problem.clear()
    gradients, private_gradients = problem.gradients()
    before = copy.deepcopy(weighting)
    weights = problem.backward(weighting)
    if isinstance(before, LossWeighting) and normalise == "none":
        losses = problem.current_losses().requires_grad_()
        (slope,) = torch.autograd.grad(before(losses, torch.arange(3)), losses)
        torch.testing.assert_close(weights, slope)
    if isinstance(before, DirectionWeighting):
        for i in range(3):
            torch.testing.assert_close(
                problem.private_update(i), weights[i] * private_gradients[i], rtol=1e-4, atol=1e-6
            )
    else:
        torch.testing.assert_close(problem.update(), weights @ gradients, rtol=1e-4, atol=1e-5)
    if isinstance(before, LossWeighting):
        for i in range(3):
            torch.testing.assert_close(
                problem.private_update(i), weights[i] * private_gradients[i], rtol=1e-4, atol=1e-6
            )


@every_method
def test_backward_adds_to_gradients(name: str) -> None:
    """What was in .grad stays in it."""
    problem = Problem(3)
    problem.backward(make(name, 3))
    expected = flat([problem.update(), *map(problem.private_update, range(3))])
    for p in problem.parameters:
        p.grad = torch.ones_like(p)
    problem.backward(make(name, 3))
    torch.testing.assert_close(flat([problem.update(), *map(problem.private_update, range(3))]), expected + 1)


@every_method
def test_parameters_with_one_gradient_do_not_share_it(name: str) -> None:
    """Autograd gives one tensor for both terms of a sum; changing one .grad in place must not change the other."""
    problem = Problem(3)
    private = [[torch.nn.Parameter(torch.randn(12)) for _ in range(2)] for _ in range(3)]
    h = problem.trunk(problem.inputs)
    losses = [((h @ h.new_full((6,), i + 1.0) + a + b) ** 2).mean() for i, (a, b) in enumerate(private)]
    make(name, 3).backward(losses, problem.shared, private, problem.trunk[2].parameters(), Step(), h)
    for a, b in private:
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad, b.grad)
        before = b.grad.clone()
        a.grad += 1
        assert torch.equal(b.grad, before)


@every_method
def test_touches_no_other_parameter(name: str) -> None:
    """A parameter that was not handed over gets no gradient, also when the losses depend on it."""
    problem = Problem(3)
    foreign = torch.nn.Parameter(torch.tensor(2.0))
    losses, h = problem.forward()
    make(name, 3).backward(
        [foreign * loss for loss in losses], problem.shared, problem.private, problem.trunk[2].parameters(), Step(), h
    )
    assert foreign.grad is None
    assert problem.update().abs().sum() > 0


@every_variant
def test_resumed_is_uninterrupted(name: str, changed: dict[str, Any]) -> None:
    """State saved after three steps and loaded by a new object gives the same further steps, bit for bit."""
    straight, broken = Problem(3, [1, 3, 0.5]), Problem(3, [1, 3, 0.5])
    uninterrupted, first = make(name, 3, **changed), make(name, 3, **changed)
    straight.train(uninterrupted, 3)
    broken.train(first, 3)
    saved = copy.deepcopy(first.state_dict())
    torch.manual_seed(123)
    second = make(name, 3, **changed)
    second.load_state_dict(saved)
    straight.train(uninterrupted, 3)
    broken.train(second, 3)
    assert torch.equal(flat(straight.parameters), flat(broken.parameters))


@every_variant
def test_accumulated_batches_are_one_batch(name: str, changed: dict[str, Any]) -> None:
    """Three batches of four rows make the same steps as one batch of twelve, also where the short ways of one batch
    cannot be taken.
    """
    at_once, parts = Problem(3, [1, 2, 0.5]), Problem(3, [1, 2, 0.5])
    one, many = make(name, 3, **changed), make(name, 3, **changed)
    reported: list[torch.Tensor] = []

    def step() -> None:
        for number in range(3):
            weights = parts.backward(many, Step(batches=3, last=number == 2), 4 * number, 4 * number + 4)
        reported.append(weights)

    at_once.train(one, 3, lambda: reported.append(at_once.backward(one)), lr=0.05)

    def feed_held_out() -> None:
        for number in range(3):
            parts.feed_held_out(many, Step(batches=3, last=number == 2), 4 * number, 4 * number + 4)

    parts.train(many, 3, step, lr=0.05, feed_held_out=feed_held_out)
    torch.testing.assert_close(flat(parts.parameters), flat(at_once.parameters), rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(reported[5], reported[2], rtol=5e-3, atol=1e-4)


@every_variant
def test_absent_tasks_are_left_out(name: str, changed: dict[str, Any]) -> None:
    """A step without task 1 is a step of a problem that has no such task; its weight is 0, its head is left alone."""
    problem = Problem(3, [1.0, 5.0, 0.5])
    others = {**changed, "preference": [PREFERENCE[0], PREFERENCE[2]]} if "preference" in changed else changed
    weighting, smaller = make(name, 3, **changed), make(name, 2, **others)
    weights = problem.backward(weighting, Step(tasks=(0, 2)))
    update = problem.update()
    assert weights[1] == 0
    assert problem.private_update(1).abs().max() == 0
    if not is_random(weighting):
        problem.clear()
        losses, h = problem.forward()
        private = [problem.private[0], problem.private[2]]
        expected = smaller.backward(
            [losses[0], losses[2]], problem.shared, private, problem.trunk[2].parameters(), Step(), h
        )
        torch.testing.assert_close(weights[[0, 2]], expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(update, problem.update(), rtol=1e-4, atol=1e-6)


@every_variant
def test_steps_without_a_task_do_not_teach_about_it(name: str, changed: dict[str, Any]) -> None:
    """What a method knows of a task stays as it is while others are learned, whichever these are, and nothing breaks:
    also not where all weight had gone to the absent task.
    """
    problem = Problem(3, [1.0, 2.0, 0.5])
    weighting = make(name, 3, **changed)
    problem.train(weighting, 3)
    for part in weighting.modules():
        if isinstance(part, SimplexWeights):
            part.values.copy_(torch.tensor([0.0, 1.0, 0.0]))
    known = {key: value[1].clone() for key, value in of_tasks(weighting)}
    for tasks in ((0, 2), (2,), (0,)):
        step = Step(tasks=tasks)
        problem.clear()
        problem.backward(weighting, step)
        assert problem.update().isfinite().all()
        problem.feed_held_out(weighting, step)
        weighting.after_step(problem.current_losses)
    for key, value in of_tasks(weighting):
        torch.testing.assert_close(value[1], known[key], rtol=1e-5, atol=1e-6, equal_nan=True, msg=key)


def of_tasks(weighting: Weighting) -> list[tuple[str, torch.Tensor]]:
    """State by task. Not of one step alone, and not moments of the weights' own optimizer, which fade for all."""
    passing = ("before", "moments", "state", "steps")
    return [
        (key, value)
        for key, value in weighting.state_dict().items()
        if value.dim() and len(value) == weighting.num_tasks and key.rpartition(".")[2] not in passing
    ]


@every_variant
def test_factor_of_a_gradient_scaler_cancels(name: str, changed: dict[str, Any]) -> None:
    """Gradients scaled up for half precision, and down again, are the same; so is the method's state."""
    plain, scaled = Problem(3, [1, 2, 0.5]), Problem(3, [1, 2, 0.5])
    one, two = make(name, 3, **changed), make(name, 3, **changed)
    factor = 1024.0

    def step() -> None:
        scaled.backward(two, Step(scale=factor))
        for p in [*scaled.parameters, *two.parameters()]:
            if p.grad is not None:
                p.grad /= factor

    plain.train(one, 3)
    scaled.train(two, 3, step)
    torch.testing.assert_close(flat(scaled.parameters), flat(plain.parameters), rtol=1e-4, atol=1e-5)
    for key, value in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[key], value, rtol=1e-3, atol=1e-5, equal_nan=True)


@every_variant
def test_half_precision_forward(name: str, changed: dict[str, Any]) -> None:
    """With losses computed under bfloat16 autocast the update is close to that of single precision."""
    problem = Problem(3, [1.0, 2.0, 0.5])
    problem.backward(make(name, 3, **changed))
    expected = problem.update()
    problem.clear()
    with torch.autocast("cpu", torch.bfloat16):
        losses, h = problem.forward()
    assert h.dtype == torch.bfloat16
    weights = make(name, 3, **changed).backward(
        losses, problem.shared, problem.private, problem.trunk[2].parameters(), Step(), h
    )
    assert weights.isfinite().all()
    assert float(torch.nn.functional.cosine_similarity(problem.update(), expected, 0)) > 0.95


@pytest.mark.parametrize("name", COMPARING)
def test_state_survives_gradients_that_overflow(name: str) -> None:
    """A gradient that is not finite, as half precision makes them now and then, is passed on and not remembered."""
    problem = Problem(3)
    weighting = make(name, 3)
    problem.train(weighting, 2)
    problem.clear()
    problem.inputs[0, 0] = math.inf
    losses, h = problem.forward()
    finite = [loss.nan_to_num(1.0) for loss in losses]
    weighting.backward(finite, problem.shared, problem.private, problem.trunk[2].parameters(), Step(), h)
    assert all(value.isfinite().all() for value in weighting.state_dict().values())


@every_method
def test_three_lines_in_any_loop(name: str) -> None:
    """Nothing but losses and parameters is needed, unless gradients are compared at the representation."""
    trunk = torch.nn.Linear(4, 3)
    heads = [torch.nn.Linear(3, 1) for _ in range(2)]
    optimizer = torch.optim.SGD([*trunk.parameters(), *(p for head in heads for p in head.parameters())], 0.01)
    before = trunk.weight.detach().clone()

    losses = [(head(torch.tanh(trunk(torch.ones(5, 4)))) - 1).square().mean() for head in heads]
    weighting = make(name, num_tasks=2)
    weighting.backward(losses, shared=trunk.parameters(), private=[head.parameters() for head in heads])
    optimizer.step()
    assert not torch.equal(trunk.weight, before)


@every_variant
def test_networks_that_share_nothing(name: str, changed: dict[str, Any]) -> None:
    """A method that compares gradients says so in one line; the others do not care."""
    problem = Problem(2)
    changed = {**changed, "preference": [0.4, 0.6]} if "preference" in changed else changed
    weighting = make(name, 2, **changed)
    losses, _ = problem.forward()
    if weighting.needs_shared:
        with pytest.raises(InputError, match="shares none"):
            weighting.backward(losses, [], problem.private)
    else:
        weighting.backward(losses, [], problem.private)
        assert problem.private_update(0).abs().sum() > 0


@every_method
def test_wrong_number_of_losses(name: str) -> None:
    """The message says both numbers."""
    problem = Problem(2)
    with pytest.raises(InputError, match="made for 3 tasks and got 2"):
        problem.backward(make(name, 3))


@every_method
def test_wrong_options(name: str) -> None:
    """Nearest names are offered."""
    with pytest.raises(InputError, match="loss_scale"):
        make(name, 2, normalise="loss_scal")
    if name in PLACED:
        with pytest.raises(InputError, match="representation"):
            make(name, 2, at="representatio")
    with pytest.raises(InputError, match="num_tasks"):
        make(name, 0)


@pytest.mark.parametrize("name", PLACED)
def test_places_give_the_update_of_their_gramian(name: str) -> None:
    """Wherever gradients are compared, the update is the weighted sum of the full gradients."""
    for at in PLACES:
        problem = Problem(3, [1.0, 2.0, 0.5])
        weighting = make(name, 3, at=at)
        gradients, private_gradients = problem.gradients()
        losses, h = problem.forward()
        place = {
            "parameters": problem.shared,
            "last_shared": list(problem.trunk[2].parameters()),
            "representation": [h],
        }
        rows = torch.stack([flat(torch.autograd.grad(loss, place[at], retain_graph=True)) for loss in losses])
        weights = problem.backward(weighting)
        assert weighting.gramian is not None
        torch.testing.assert_close(weighting.gramian, rows @ rows.T, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(problem.update(), weights @ gradients, rtol=1e-4, atol=1e-5)
        if not weighting.weights_private:
            for i in range(3):
                torch.testing.assert_close(problem.private_update(i), private_gradients[i], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PLACED)
def test_representation_is_found(name: str) -> None:
    """The last shared tensor need not be named, also where the losses come as a vector."""
    given, found, stacked = Problem(2), Problem(2), Problem(2)
    given.backward(make(name, 2, at="representation"))
    for problem, as_vector in ((found, False), (stacked, True)):
        losses, _ = problem.forward()
        weighting = make(name, 2, at="representation")
        weighting.backward(torch.stack(losses) if as_vector else losses, problem.shared, problem.private)
        torch.testing.assert_close(problem.update(), given.update())
        torch.testing.assert_close(problem.private_update(1), given.private_update(1))


@every_method
def test_losses_of_unlike_size_are_normalised(name: str) -> None:
    """With losses divided by their first value, units do not matter: the parameters go the same way."""
    one, two = Problem(3, [1.0, 1.0, 1.0]), Problem(3, [1e-3, 1.0, 1e4])
    first, second = make(name, 3, normalise="loss_scale"), make(name, 3, normalise="loss_scale")
    one.train(first, 3, lr=0.05)
    two.train(second, 3, lr=0.05)
    torch.testing.assert_close(flat(two.parameters), flat(one.parameters), rtol=5e-3, atol=5e-4)
