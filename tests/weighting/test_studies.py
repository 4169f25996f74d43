"""The studies run, and published behaviour shows."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from experiments.gradnorm_alpha.run import SUITES, gain, loaded, part_of
from experiments.gradnorm_alpha.run import train as trained
from experiments.gradnorm_toy.run import SCALES, SIZES, train
from experiments.landscape.run import METHODS, NEAR, STARTS, descend, front, jacobians, objectives
from experiments.weightings.run import train as everyone


def test_front_is_optimal() -> None:
    """No other point of a grid is better in both objectives."""
    best = torch.stack(objectives(front()[::20]), -1)  # [N, 2]
    axis = torch.linspace(-12, 12, 241)
    others = torch.stack(objectives(torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)), -1).flatten(0, 1)
    better = (others[None] < best[:, None] - 1e-3).all(-1)
    assert not bool(better.any())


def test_gradients_by_hand_are_those_of_autograd() -> None:
    """At random points and the starting points."""
    points = torch.cat([torch.tensor(STARTS), 20 * torch.rand(50, 2) - 10]).double().requires_grad_()
    expected = [torch.autograd.grad(objectives(points)[i].sum(), points)[0] for i in range(2)]
    found = torch.from_numpy(jacobians(points.detach().numpy()))
    torch.testing.assert_close(found, torch.stack(expected, 1))


@pytest.mark.parametrize("name", METHODS)
def test_every_contestant_descends(name: str) -> None:
    """A few steps lower at least one objective."""
    way = descend(METHODS[name], [(9.0, -1.0)], 20, 0.05)[:, 0]
    first, last = torch.stack(objectives(way[0])), torch.stack(objectives(way[-1]))
    assert bool((last < first).any())


@pytest.mark.slow
def test_bargaining_reaches_the_front_from_everywhere() -> None:
    """Nash-MTL and FairGrad do, as published; with equal weights the steepest valley holds one start fast."""
    best = front()

    def distances(name: str) -> Tensor:
        ends = descend(METHODS[name], STARTS, 800, 0.02)[-1]
        return torch.cdist(ends, best).amin(1)

    assert bool((distances("Nash-MTL") < NEAR).all())
    assert bool((distances("FairGrad") < NEAR).all())
    assert float(distances("equal")[2]) > 5


@pytest.mark.slow
def test_gradnorm_beats_equal_and_uncertainty_weights_on_ten_scales() -> None:
    """The toy problem of the paper at its size: lower task-normalised loss after the same steps."""
    size = replace(SIZES["paper"], steps={10: 300})
    ends = {name: train(name, SCALES[10], size, 0, 0.005)[-1] for name in ("gradnorm", "equal", "uncertainty")}
    assert ends["gradnorm"] < 0.99 * min(ends["equal"], ends["uncertainty"])


def test_every_method_can_enter_the_comparison_of_all() -> None:
    """One that holds rows out, and one that compares gradients; errors are shares of the variance."""
    for name in ("auto_lambda", "mgda"):
        errors = everyone(name, 1.0, 0, steps=12)
        assert len(errors) == 3
        assert all(0 < error < 3 for error in errors)


def test_a_suite_can_enter_the_choice_of_alpha() -> None:
    """The same rows give the same figures; a gain over oneself is none."""
    work = SUITES["mixed"]
    data = part_of(loaded(work), 0)
    options = ("model=hard", "weighting=gradnorm", "weighting.alpha=0.5")
    first, second = (trained(data, work, 0, *options, steps=5) for _ in range(2))
    assert first == second
    assert 0 < first.least_weight <= 1
    assert all(gain(task, first.metrics[task.name], second.metrics[task.name]) == 0 for task in data.tasks)
