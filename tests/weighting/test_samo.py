"""SAMO around other methods: gradients are those at the parameters that the formulas say, and the contract holds."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtl.assembly import build
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.testing import weightings as checks
from mtl.testing.problem import Problem, flat
from mtl.weighting.base import Step, Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.samo import SAMO
from mtl.weighting.state.draws import Draws
from tests.support import tiny
from tests.weighting.problems import LOOKING_AROUND, make

INNER = ("famo", "upgrad", "graddrop", "moml")  # one of each kind
CHECKS = (
    checks.finite_for_losses_of_unlike_size,
    checks.finite_for_degenerate_gradients,
    checks.resumed_is_uninterrupted,
    checks.accumulated_batches_are_one_batch,
    checks.absent_tasks_are_left_out,
    checks.steps_without_a_task_do_not_teach_about_it,
    checks.factor_of_a_gradient_scaler_cancels,
    checks.half_precision_forward,
    checks.networks_that_share_nothing,
    checks.wrong_number_of_losses,
)


def around(name: str, num_tasks: int, **options: float) -> SAMO:
    """SAMO with an inner method as its config has it."""
    torch.manual_seed(0)
    return SAMO(num_tasks, partial(make, name), **options)


def maker(name: str) -> Callable[[int], Weighting]:
    """What makes it for any number of tasks."""
    return lambda num_tasks: around(name, num_tasks)


def moved_by_hand(problem: Problem, weighting: SAMO, tasks: range) -> list[Tensor]:
    """For each task the gradient of its loss at ``theta + e_i``, by the shared and its own parameters: the formulas."""
    shared, out = problem.shared, []
    mean = torch.stack(problem.forward()[0]).mean()
    g = torch.autograd.grad(mean, problem.parameters)
    generator = copy.deepcopy(weighting.draws).generator()
    for i in tasks:
        z = [torch.randn(p.shape, generator=generator) for p in shared]
        ends = []
        for sign in (1, -1):
            other = copy.deepcopy(problem)
            with torch.no_grad():
                for p, one in zip(other.shared, z, strict=True):
                    p += sign * weighting.distance * one
            ends.append(other.current_losses()[i])
        rise = (ends[0] - ends[1]) / (2 * weighting.distance)
        parts = [
            (1 - weighting.beta) * a + weighting.beta * a.norm() * (rise * b) / (rise * b).norm()
            for a, b in zip(g, z, strict=False)
        ]
        other = copy.deepcopy(problem)
        start = len(shared) + 2 * i
        own = g[start : start + 2]
        with torch.no_grad():
            for group, slopes in ((other.shared, parts), (other.private[i], own)):
                size = flat(list(slopes)).norm()
                for p, slope in zip(group, slopes, strict=True):
                    p += weighting.rho * slope / size
        loss = other.forward()[0][i]
        out.append(flat(torch.autograd.grad(loss, [*other.shared, *other.private[i]])))
    return out


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_gradients_are_those_at_the_moved_parameters(beta: float) -> None:
    """Of what is shared their sum, of a head its own; the parameters are afterwards as they were."""
    problem, weighting = Problem(3, [1.0, 2.0, 0.5]), around("equal", 3, rho=0.3, beta=beta)
    before = flat(problem.parameters)
    expected = moved_by_hand(problem, weighting, range(3))
    weights = problem.backward(weighting)
    assert torch.equal(flat(problem.parameters), before)
    assert weights.tolist() == [1, 1, 1]
    size = problem.update().numel()
    torch.testing.assert_close(
        problem.update(), torch.stack([one[:size] for one in expected]).sum(0), rtol=1e-3, atol=1e-5
    )
    for i in range(3):
        torch.testing.assert_close(problem.private_update(i), expected[i][size:], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("slope", "moved"),
    [(0.0, 0.0), (1.0, 0.5)],  # the second loss has no gradient either; it has one, along which both move by rho
    ids=["no gradient at all", "no estimate of one task"],
)
def test_a_gradient_that_is_zero_moves_nothing(slope: float, moved: float) -> None:
    """Neither that of the mean loss nor a task's estimate; the other one counts alone."""
    p, weighting = nn.Parameter(torch.zeros(1)), around("log_sum", 2, rho=0.5, beta=0.5)

    def losses() -> list[Tensor]:
        return [1 + p.square().sum(), 2 + slope * p.sum() + (1 - slope) * p.square().sum()]

    weights = weighting.backward(losses(), [p], [[], []], step=Step(recompute=lambda: [losses()]))
    assert weights.tolist() == pytest.approx([1 / (1 + moved**2), 1 / (2 + slope * moved)])


def test_the_inner_method_sees_the_mean_loss_of_the_batches() -> None:
    """At the moved parameters, which are the same for one batch and for its halves."""
    found = []
    for parts in (1, 2):
        problem, weighting = Problem(3, [1.0, 2.0, 0.5]), around("log_sum", 3, rho=0.1, beta=0.0)
        for part in range(parts):
            step = Step(batches=parts, last=part == parts - 1)
            rows = 12 // parts
            weights = problem.backward(weighting, step, part * rows, (part + 1) * rows)
        found.append(weights)
    torch.testing.assert_close(found[1], found[0])


def test_what_the_inner_method_waits_for_is_handed_on() -> None:
    """Losses before the training, at the end of an epoch, and after a step; and that it waits for them."""
    for name, need in (("gradnorm", "needs_initial_losses"), ("famo", "needs_recomputed_losses")):
        one, other = around(name, 2), around("equal", 2)
        assert (getattr(one, need), getattr(other, need)) == (True, False)
    heard: dict[str, object] = {}

    class Listening(Equal):
        """Equal weights that note what they are told."""

        def on_initial_losses(self, losses: Tensor) -> None:
            heard["before"] = losses

        def on_epoch_end(self, losses: Tensor) -> None:
            heard["epoch"] = losses

        def after_step(self, recompute: Callable[[], Tensor]) -> None:
            heard["step"] = recompute()

    weighting = SAMO(2, Listening)
    weighting.on_initial_losses(torch.tensor([1.0, 2.0]))
    weighting.on_epoch_end(torch.tensor([3.0, 4.0]))
    weighting.after_step(lambda: torch.tensor([5.0, 6.0]))
    told = {key: value.tolist() for key, value in heard.items() if isinstance(value, Tensor)}
    assert told == {"before": [1, 2], "epoch": [3, 4], "step": [5, 6]}


@pytest.mark.parametrize("name", ["upgrad", "mgda"])
def test_the_inner_method_weighs_these_gradients(name: str) -> None:
    """Its Gramian is theirs."""
    problem, weighting = Problem(3, [1.0, 2.0, 0.5]), around(name, 3, rho=0.3)
    expected = torch.stack([one[: problem.update().numel()] for one in moved_by_hand(problem, weighting, range(3))])
    weights = problem.backward(weighting)
    assert weighting.gramian is not None
    torch.testing.assert_close(weighting.gramian, expected @ expected.T, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(problem.update(), weights @ expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", INNER)
def test_every_kind_of_inner_method_does_what_all_methods_do(name: str) -> None:
    for check in CHECKS:
        check(maker(name))


def test_parameters_are_moved_under_autocast_too() -> None:
    """Copies of them in half precision that are kept while a loop is under it are not those of before."""
    autocast = torch.autocast("cpu", torch.bfloat16)
    problem, updates = Problem(3), []

    def again() -> list[list[Tensor]]:
        with autocast:
            return [problem.forward()[0]]

    for around_all in (nullcontext(), autocast):
        problem.clear()
        weighting = around("equal", 3, rho=1.0)
        with around_all:
            weighting.backward(again()[0], problem.shared, problem.private, step=Step(recompute=again))
        updates.append(problem.update())
    torch.testing.assert_close(*updates)


@pytest.mark.parametrize("name", LOOKING_AROUND)
def test_gradients_are_taken_of_scaled_losses(name: str) -> None:
    """What vanishes in half precision does not where a gradient scaler has a factor."""
    p = nn.Parameter(torch.ones(2))

    def losses() -> list[Tensor]:
        return [1e-9 * number.float() for number in p.half()]

    factor = 2.0**16
    step = Step(scale=factor, recompute=lambda: [losses()])
    make(name, 2).backward(losses(), [p], [[], []], step=step)
    assert p.grad is not None
    found = p.grad / factor
    torch.testing.assert_close(found / found[0], torch.ones(2), rtol=1e-2, atol=0)


def test_absent_tasks_are_left_out() -> None:
    """Weight and head of the absent one are left alone."""
    problem, weighting = Problem(3), around("mgda", 3)
    weights = problem.backward(weighting, Step(tasks=(0, 2)))
    assert weights[1] == 0
    assert float(weights[[0, 2]].sum()) == pytest.approx(1)
    assert float(problem.private_update(1).abs().max()) == 0


@pytest.mark.parametrize("name", ["graddrop", "gradvac"])
def test_the_inner_method_draws_numbers_of_its_own(name: str) -> None:
    """Beside the directions that losses are estimated in."""
    weighting = around(name, 2)
    mine, *inner = (part for part in weighting.modules() if isinstance(part, Draws))
    assert len(inner) == 1
    assert not torch.equal(*(torch.rand(3, generator=draws.generator()) for draws in (mine, *inner)))


def test_a_loop_has_to_say_how_losses_are_computed_once_more() -> None:
    """One line, and no step that is not sharpness-aware."""
    problem = Problem(2)
    losses, _ = problem.forward()
    with pytest.raises(InputError, match=r"give backward a step=Step\(recompute=\.\.\.\)"):
        around("equal", 2).backward(losses, problem.shared, problem.private)
    with pytest.raises(InputError, match=r"weighting\.inner: expected a weighting that does not itself look"):
        SAMO(2, lambda num_tasks: around("equal", num_tasks))
    with pytest.raises(InputError, match=r"weighting\.inner\.beta=2: expected .* at most 1"):
        SAMO(2, partial(make, "gradvac", beta=2), beta=1.0)
    with pytest.raises(InputError, match=r"unknown task in weighting\.inner\.preference 'c'"):
        SAMO(2, partial(make, "upgrad", preference={"c": 1.0})).bind(["a", "b"])


@pytest.mark.smoke
def test_inner_method_is_chosen_on_the_command_line(tmp_path: Path) -> None:
    """And its options; with accumulated batches, and running statistics, which further passes leave alone."""
    given = ("weighting=samo", "weighting@weighting.inner=fairgrad", "weighting.inner.alpha=1.5")
    config = tiny(tmp_path, *given, "model=hard", "encoder.norm=batch", "accumulate=2", "epochs=1")
    weighting = build(config).module.weighting
    assert isinstance(weighting, SAMO)
    assert (type(weighting.inner).__name__, weighting.inner.alpha) == ("FairGrad", 1.5)
    assert train(config).metrics["test"].score is not None
