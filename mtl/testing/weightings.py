"""What every weighting does, whatever it is. A check takes what makes one: ``lambda num_tasks: Mine(num_tasks)``."""

import copy
import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import product

import torch
from torch import Tensor, nn

from mtl.errors import InputError
from mtl.testing.problem import Problem, flat
from mtl.weighting.base import (
    WHOLE_STEP,
    DirectionWeighting,
    GradientWeighting,
    LossWeighting,
    Step,
    Weighting,
)
from mtl.weighting.state.draws import Draws
from mtl.weighting.state.simplex import SimplexWeights

Make = Callable[[int], Weighting]  # number of tasks to weighting


def is_random(weighting: Weighting) -> bool:
    """It draws numbers."""
    return any(isinstance(part, Draws) for part in weighting.modules())


def refuses(call: Callable[[], object], expected: str) -> None:
    """Something raises an InputError that says so."""
    try:
        call()
    except InputError as error:
        if expected not in str(error):
            raise
        return
    raise AssertionError(f"expected an InputError: {expected}")


def finite_at_every_scale(make: Make) -> None:
    """Weights and update are finite, also after some steps, for one task, for many, and for losses of any size."""
    for num_tasks, scale in product((1, 2, 5), (1e-8, 1.0, 1e8)):
        problem = Problem(num_tasks, [scale] * num_tasks)
        weighting = make(num_tasks)
        problem.train(weighting, 3, lr=0.01 / scale)  # three steps that go equally far, and one more
        problem.clear()
        weights = problem.backward(weighting)
        assert weights.isfinite().all(), (num_tasks, scale)
        assert problem.update().isfinite().all(), (num_tasks, scale)


def finite_for_losses_of_unlike_size(make: Make) -> None:
    """One loss sixteen orders of magnitude above another, and one of 1e8 or 1e-8 beside nothing else of its size."""
    for factors in ([1e-8, 1.0, 1e8], [1e-8] * 3, [1e8] * 3):
        problem = Problem(3, factors)
        weights = problem.backward(make(3))
        assert weights.isfinite().all()
        assert problem.update().isfinite().all()


DEGENERATE = {"zero": 0, "one zero": 2, "duplicated": 2, "opposed": 2, "dependent": 2}  # rank of the gradients


def degenerate(case: str) -> Problem:
    """Three tasks whose gradients are zero, or of which one has none, two are the same, opposed, or all in a plane."""
    problem = Problem(3)
    heads, targets = [head for head in problem.heads if isinstance(head, nn.Linear)], problem.targets
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


def finite_for_degenerate_gradients(make: Make) -> None:
    """At once and in the step after it."""
    for case in DEGENERATE:
        problem = degenerate(case)
        weighting = make(3)
        problem.train(weighting, 1, lr=1e-3)
        problem.clear()
        assert problem.backward(weighting).isfinite().all(), case
        assert flat([p.grad for p in problem.parameters if p.grad is not None]).isfinite().all(), case


def one_task_is_learned_as_if_alone(make: Make) -> None:
    """K = 1: the update points along the gradient, up to its length."""
    problem = Problem(1)
    weighting = make(1)
    for _ in range(3):
        problem.train(weighting, 1, lr=0.01)
        problem.clear()
        (gradient, private_gradient), weights = (part[0] for part in problem.gradients()), problem.backward(weighting)
        cosine = torch.nn.functional.cosine_similarity(problem.update(), gradient, 0)
        assert abs(float(cosine) - 1) < 1e-3
        assert float(torch.nn.functional.cosine_similarity(problem.private_update(0), private_gradient, 0)) > 0.999
        assert float(weights[0]) > 0


def order_of_the_tasks_does_not_matter(make: Make) -> None:
    """Tasks in another order get the same weights and make the same update; on average for methods that draw."""
    order = [2, 0, 1]
    problem = Problem(3, [1.0, 0.5, 2.0])
    other = problem.permuted(order)
    one, two = make(3), make(3)
    rounds = 800 if is_random(one) else 1
    gradients, _ = problem.gradients()
    losses = problem.current_losses()

    def mean(weighting: object, tasks: list[int]) -> tuple[Tensor, Tensor]:
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


def reported_weights_are_those_of_the_update(make: Make) -> None:
    """What is reported is what was done.

    A loss weighting: derivatives of the objective. A gradient weighting: the update is the weighted sum of task
    gradients. A direction: weights are those of the private gradients.
    """
    problem = Problem(3, [1.0, 3.0, 0.2])
    weighting = make(3)
    problem.train(weighting, 3)  # away from the start, where many methods are alike
    problem.clear()
    gradients, private_gradients = problem.gradients()
    before = copy.deepcopy(weighting)
    weights = problem.backward(weighting)
    if isinstance(before, LossWeighting) and before.normalise == "none":
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


def backward_adds_to_gradients(make: Make) -> None:
    """What was in .grad stays in it."""
    problem = Problem(3)
    problem.backward(make(3))
    expected = flat([problem.update(), *map(problem.private_update, range(3))])
    for p in problem.parameters:
        p.grad = torch.ones_like(p)
    problem.backward(make(3))
    torch.testing.assert_close(flat([problem.update(), *map(problem.private_update, range(3))]), expected + 1)


def parameters_with_one_gradient_do_not_share_it(make: Make) -> None:
    """Autograd gives one tensor for both terms of a sum; changing one .grad in place must not change the other."""
    problem = Problem(3)
    private = [[torch.nn.Parameter(torch.randn(12)) for _ in range(2)] for _ in range(3)]
    h = problem.trunk(problem.inputs)
    losses = [((h @ h.new_full((6,), i + 1.0) + a + b) ** 2).mean() for i, (a, b) in enumerate(private)]
    make(3).backward(losses, problem.shared, private, problem.trunk[2].parameters(), WHOLE_STEP, h)
    for a, b in private:
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad, b.grad)
        before = b.grad.clone()
        a.grad += 1
        assert torch.equal(b.grad, before)


def touches_no_other_parameter(make: Make) -> None:
    """A parameter that was not handed over gets no gradient, also when the losses depend on it."""
    problem = Problem(3)
    foreign = torch.nn.Parameter(torch.tensor(2.0))
    losses, h = problem.forward()
    make(3).backward(
        [foreign * loss for loss in losses],
        problem.shared,
        problem.private,
        problem.trunk[2].parameters(),
        WHOLE_STEP,
        h,
    )
    assert foreign.grad is None
    assert problem.update().abs().sum() > 0


def resumed_is_uninterrupted(make: Make) -> None:
    """State saved after three steps and loaded by a new object gives the same further steps, bit for bit."""
    straight, broken = Problem(3, [1, 3, 0.5]), Problem(3, [1, 3, 0.5])
    uninterrupted, first = make(3), make(3)
    straight.train(uninterrupted, 3)
    broken.train(first, 3)
    saved = copy.deepcopy(first.state_dict())
    torch.manual_seed(123)
    second = make(3)
    second.load_state_dict(saved)
    straight.train(uninterrupted, 3)
    broken.train(second, 3)
    assert torch.equal(flat(straight.parameters), flat(broken.parameters))


def accumulated_batches_are_one_batch(make: Make) -> None:
    """Three batches of four rows make the same steps as one batch of twelve."""
    at_once, parts = Problem(3, [1, 2, 0.5]), Problem(3, [1, 2, 0.5])
    one, many = make(3), make(3)
    reported: list[Tensor] = []

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


def absent_tasks_are_left_out(make: Make) -> None:
    """A step without task 1 is a step of a problem that has no such task; its weight is 0, its head is left alone."""
    problem = Problem(3, [1.0, 5.0, 0.5])
    weighting, smaller = make(3), make(2)
    weights = problem.backward(weighting, Step(tasks=(0, 2)))
    update = problem.update()
    assert weights[1] == 0
    assert problem.private_update(1).abs().max() == 0
    if not is_random(weighting):
        problem.clear()
        losses, h = problem.forward()
        private = [problem.private[0], problem.private[2]]
        step = Step(recompute=lambda: [problem.forward()[0][::2]])
        expected = smaller.backward(losses[::2], problem.shared, private, problem.trunk[2].parameters(), step, h)
        torch.testing.assert_close(weights[[0, 2]], expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(update, problem.update(), rtol=1e-4, atol=1e-6)


def steps_without_a_task_do_not_teach_about_it(make: Make) -> None:
    """What a method knows of a task stays as it is while others are learned, also where it had all the weight."""
    problem = Problem(3, [1.0, 2.0, 0.5])
    weighting = make(3)
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


def of_tasks(weighting: Weighting) -> list[tuple[str, Tensor]]:
    """State by task. Not of one step alone, and not moments of the weights' own optimizer, which fade for all."""
    passing = ("before", "moments", "state", "steps")
    return [
        (key, value)
        for key, value in weighting.state_dict().items()
        if value.dim() and len(value) == weighting.num_tasks and key.rpartition(".")[2] not in passing
    ]


def factor_of_a_gradient_scaler_cancels(make: Make) -> None:
    """Gradients scaled up for half precision, and down again, are the same; so is the method's state."""
    plain, scaled = Problem(3, [1, 2, 0.5]), Problem(3, [1, 2, 0.5])
    one, two = make(3), make(3)
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


def half_precision_forward(make: Make) -> None:
    """With losses computed under bfloat16 autocast the update is close to that of single precision.

    It does not matter whether the update is computed under it as well.
    """
    problem = Problem(3, [1.0, 2.0, 0.5])
    problem.backward(make(3))
    expected = problem.update()
    autocast = torch.autocast("cpu", torch.bfloat16)
    updates = []
    for around in (nullcontext(), autocast):
        problem.clear()
        with autocast:
            losses, h = problem.forward()
        assert h.dtype == torch.bfloat16
        layer = problem.trunk[2].parameters()
        with around:
            weights = make(3).backward(losses, problem.shared, problem.private, layer, problem.whole_step, h)
        assert weights.isfinite().all()
        updates.append(problem.update())
    outside, inside = updates
    assert float(torch.nn.functional.cosine_similarity(outside, expected, 0)) > 0.95
    torch.testing.assert_close(inside, outside)


def state_survives_gradients_that_overflow(make: Make) -> None:
    """A gradient that is not finite, as half precision makes them now and then, is passed on and not remembered."""
    problem = Problem(3)
    weighting = make(3)
    if isinstance(weighting, LossWeighting):  # which sees no gradients
        return
    problem.train(weighting, 2)
    problem.clear()
    problem.inputs[0, 0] = math.inf
    losses, h = problem.forward()
    finite = [loss.nan_to_num(1.0) for loss in losses]
    layer = problem.trunk[2].parameters()
    weighting.backward(finite, problem.shared, problem.private, layer, problem.whole_step, h)
    assert all(value.isfinite().all() for value in weighting.state_dict().values())


def three_lines_in_any_loop(make: Make) -> None:
    """Nothing but losses and parameters is needed, unless gradients are compared at the representation."""
    trunk = torch.nn.Linear(4, 3)
    heads = [torch.nn.Linear(3, 1) for _ in range(2)]
    optimizer = torch.optim.SGD([*trunk.parameters(), *(p for head in heads for p in head.parameters())], 0.01)
    before = trunk.weight.detach().clone()

    losses = [(head(torch.tanh(trunk(torch.ones(5, 4)))) - 1).square().mean() for head in heads]
    weighting = make(2)
    weighting.backward(losses, shared=trunk.parameters(), private=[head.parameters() for head in heads])
    optimizer.step()
    assert not torch.equal(trunk.weight, before)


def networks_that_share_nothing(make: Make) -> None:
    """A method that compares gradients says so in one line; the others do not care."""
    problem = Problem(2)
    weighting = make(2)
    losses, _ = problem.forward()
    if weighting.needs_shared:
        refuses(lambda: weighting.backward(losses, [], problem.private), "shares none")
    else:
        weighting.backward(losses, [], problem.private, step=problem.whole_step)
        assert problem.private_update(0).abs().sum() > 0


def wrong_number_of_losses(make: Make) -> None:
    """The message says both numbers."""
    problem = Problem(2)
    refuses(lambda: problem.backward(make(3)), "made for 3 tasks and got 2")


WEIGHTING_CHECKS: tuple[Callable[[Make], None], ...] = (
    finite_at_every_scale,
    finite_for_losses_of_unlike_size,
    finite_for_degenerate_gradients,
    one_task_is_learned_as_if_alone,
    order_of_the_tasks_does_not_matter,
    reported_weights_are_those_of_the_update,
    backward_adds_to_gradients,
    parameters_with_one_gradient_do_not_share_it,
    touches_no_other_parameter,
    resumed_is_uninterrupted,
    accumulated_batches_are_one_batch,
    absent_tasks_are_left_out,
    steps_without_a_task_do_not_teach_about_it,
    factor_of_a_gradient_scaler_cancels,
    half_precision_forward,
    state_survives_gradients_that_overflow,
    three_lines_in_any_loop,
    networks_that_share_nothing,
    wrong_number_of_losses,
)
