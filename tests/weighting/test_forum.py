"""FORUM: a step is that of its formulas, and the contract holds where it applies."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.testing import weightings as checks
from mtl.testing.problem import Problem, flat
from mtl.weighting.base import Step
from mtl.weighting.forum import FORUM
from tests.support import tiny
from tests.weighting.problems import maker

# Not that the update is a combination of the training gradients, nor what has no losses at other parameters
CHECKS = (
    checks.finite_at_every_scale,
    checks.finite_for_losses_of_unlike_size,
    checks.finite_for_degenerate_gradients,
    checks.order_of_the_tasks_does_not_matter,
    checks.backward_adds_to_gradients,
    checks.resumed_is_uninterrupted,
    checks.accumulated_batches_are_one_batch,
    checks.absent_tasks_are_left_out,
    checks.steps_without_a_task_do_not_teach_about_it,
    checks.factor_of_a_gradient_scaler_cancels,
    checks.half_precision_forward,
    checks.state_survives_gradients_that_overflow,
    checks.networks_that_share_nothing,
    checks.wrong_number_of_losses,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.__name__)
def test_it_does_what_all_methods_do(check: Callable[[checks.Make], None]) -> None:
    check(maker("forum", {}))


def by_all(problem: Problem, loss: Tensor) -> Tensor:
    """The gradient of a loss by all parameters, one flat vector."""
    found = torch.autograd.grad(loss, problem.parameters, retain_graph=True, allow_unused=True)
    return flat([torch.zeros_like(p) if g is None else g for p, g in zip(problem.parameters, found, strict=True)])


def constraint(problem: Problem, weighting: FORUM) -> tuple[Tensor, Tensor]:
    """``q'`` with respect to the parameters and to a: the descent on a copy, and autograd through the softmax."""
    other, logits = copy.deepcopy(problem), weighting.logits.clone().requires_grad_()
    weights = torch.softmax(logits, 0)
    for _ in range(weighting.inner_steps):
        slope = by_all(other, weights.detach() @ torch.stack(other.forward()[0]))
        with torch.no_grad():
            moved = flat(other.parameters) - weighting.inner_rate * slope
            torch.nn.utils.vector_to_parameters(moved, iter(other.parameters))
    fall = problem.current_losses() - other.current_losses()
    (of_logits,) = torch.autograd.grad(weights @ fall, logits)
    return by_all(problem, weights.detach() @ torch.stack(problem.forward()[0])), of_logits


@pytest.mark.parametrize("rho", [0.1, 5.0])
def test_a_step_is_that_of_the_formula(rho: float) -> None:
    """Shares, nu, direction and the first step of Adam; the held-out rows are other ones."""
    problem, held = Problem(2, [1.0, 3.0]), Problem(2, [1.0, 3.0], seed=1)
    held.trunk, held.heads = problem.trunk, problem.heads
    weighting = FORUM(2, rho=rho, inner_steps=3, inner_rate=0.05)
    weighting.logits.copy_(torch.tensor([0.4, -0.2]))
    before = weighting.logits.clone()
    held.feed_held_out(weighting)
    rows = torch.stack([by_all(held, loss) for loss in held.forward()[0]])
    rows /= rows.norm(dim=1, keepdim=True)
    slope, of_logits = constraint(problem, weighting)
    square = slope.square().sum() + of_logits.square().sum()
    weights = problem.backward(weighting)

    grid = torch.linspace(0, 1, 2001)
    shares = torch.stack([grid, 1 - grid], 1)
    nus = (shares @ (rho - rows @ slope / square)).clamp(min=0)
    squares = (shares @ rows + nus[:, None] * slope).square().sum(1) + nus.square() * of_logits.square().sum()
    best = shares[int((squares - rho * nus * square).argmin())]
    torch.testing.assert_close(weighting.shares, best, rtol=0, atol=1e-3)

    nu = (weighting.shares @ (rho - rows @ slope / square)).clamp(min=0)
    torch.testing.assert_close(weights, nu * torch.softmax(before, 0), rtol=1e-4, atol=1e-6)
    update = flat([problem.update(), *map(problem.private_update, range(2))])
    torch.testing.assert_close(update, weighting.shares @ rows + nu * slope, rtol=1e-4, atol=1e-6)
    assert float(update @ slope + nu * of_logits @ of_logits) >= rho * float(square) * (1 - 1e-4)
    stepped = before - weighting.adam.lr * torch.sign(nu * of_logits)
    torch.testing.assert_close(weighting.logits, stepped, rtol=1e-3, atol=1e-6)


def test_shares_follow_more_slowly_from_epoch_to_epoch() -> None:
    """At first they are those of the step; after three epochs they move by ``4 ** -0.75`` of the way."""
    problem = Problem(2)
    weighting, settled = FORUM(2), FORUM(2)
    for one in (weighting, settled):
        problem.feed_held_out(one)
    for _ in range(3):
        settled.on_epoch_end(problem.current_losses())
    settled.shares.copy_(torch.tensor([1.0, 0.0]))
    problem.backward(weighting)
    problem.backward(settled)
    torch.testing.assert_close(settled.shares, torch.tensor([1.0, 0.0]).lerp(weighting.shares, 4**-0.75))


def test_before_the_first_held_out_losses_it_is_the_weighted_sum() -> None:
    problem = Problem(3, [1.0, 2.0, 0.5])
    gradients, own = problem.gradients()
    assert problem.backward(FORUM(3)).tolist() == pytest.approx([1 / 3] * 3)
    torch.testing.assert_close(problem.update(), gradients.mean(0))
    torch.testing.assert_close(problem.private_update(1), own[1] / 3)


def test_absent_tasks_are_left_out() -> None:
    """Weight, share and head of the absent one are left alone."""
    problem, weighting = Problem(3), FORUM(3, rho=3.0)
    problem.feed_held_out(weighting)
    weights = problem.backward(weighting, Step(tasks=(0, 2)))
    assert weights[1] == 0
    assert weighting.shares[1] == 0
    assert float(weighting.shares.sum()) == pytest.approx(1)
    assert float(problem.private_update(1).abs().max()) == 0


def test_parameters_are_afterwards_as_they_were() -> None:
    """Also where the inner steps lead to losses that are not finite, which count for nothing."""
    problem = Problem(2)
    before = flat(problem.parameters)
    problem.backward(FORUM(2, inner_rate=1e18))
    assert torch.equal(flat(problem.parameters), before)
    assert problem.update().isfinite().all()


def test_mistakes_are_one_line() -> None:
    problem = Problem(2)
    losses, _ = problem.forward()
    with pytest.raises(InputError, match=r"FORUM looks at .* give backward a step=Step\(recompute=\.\.\.\)"):
        FORUM(2).backward(losses, problem.shared, problem.private)
    with pytest.raises(InputError, match=r"weighting\.inner_steps=0: expected a whole number, 1 or more"):
        FORUM(2, inner_steps=0)
    with pytest.raises(InputError, match="rho"):
        FORUM(2, rho=0.0)


@pytest.mark.smoke
def test_it_trains(tmp_path: Path) -> None:
    """With accumulated batches, and running statistics, which further passes leave alone."""
    config = tiny(tmp_path, "weighting=forum", "model=hard", "encoder.norm=batch", "accumulate=2", "epochs=2")
    found = train(config)
    assert found.data.rows["held_out"] > 0
    assert found.metrics["test"].score is not None
