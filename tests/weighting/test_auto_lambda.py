"""Auto-Lambda: what holds for it alone."""

import pytest
import torch
from torch import nn

from mtl.errors import InputError
from mtl.testing.problem import Problem
from mtl.weighting.auto_lambda import AutoLambda
from tests.weighting.problems import make, weights_after_held_out


def test_auto_lambda_by_hand() -> None:
    """The sum of held-out losses has the gradient (1, 0): its products with the task gradients are 2 and -1, and Adam's
    first step has the length of its rate.
    """
    torch.testing.assert_close(weights_after_held_out("auto_lambda", [[1, 0], [0, 0]]), torch.tensor([0.101, 0.099]))


def test_only_primary_tasks_are_served() -> None:
    """By name; a name that is no task is refused with the right ones."""
    weighting = make("auto_lambda", 2, primary=["b"])
    weighting.bind(["a", "b"])
    p = nn.Parameter(torch.zeros(2))
    weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])
    # The sum over all tasks would take weight from the first
    weighting.on_held_out_losses([-5 * p[0], p[0] * 1], [p], [[], []])
    assert isinstance(weighting, AutoLambda)
    assert weighting.weights[0] > 0.1 > weighting.weights[1]
    with pytest.raises(InputError, match="'c'"):
        make("auto_lambda", 2, primary=["c"]).bind(["a", "b"])
    with pytest.raises(InputError, match=r"held_out=1\.5"):
        make("moml", 2, held_out=1.5)


def test_names_have_to_be_bound_before_rows_are_held_out() -> None:
    """Otherwise all tasks would be served without a word."""
    problem, weighting = Problem(2), make("auto_lambda", 2, primary=["b"])
    problem.backward(weighting)
    with pytest.raises(InputError, match=r"weighting\.primary goes by task name"):
        problem.feed_held_out(weighting)


def test_a_task_that_only_fits_noise_loses_weight() -> None:
    """Its held-out rows tell another story than its training rows: its weight falls, that of the honest task rises."""
    problem = Problem(2, rows=24)
    truth = problem.inputs @ torch.randn(4, generator=torch.Generator().manual_seed(3))
    problem.targets[:, 0] = truth
    problem.targets[12:, 1] = -truth[12:]
    problem.targets[:12, 1] = truth[:12]
    weighting = make("auto_lambda", 2, lr=0.005)
    problem.train(
        weighting,
        30,
        lambda: problem.backward(weighting, stop=12),
        lr=0.3,
        feed_held_out=lambda: problem.feed_held_out(weighting, start=12),
    )
    assert isinstance(weighting, AutoLambda)
    assert weighting.weights[0] > 1.5 * weighting.weights[1]


def test_auto_lambda_starts_above_zero() -> None:
    """Weights of 0 would train nothing, and learn from nothing."""
    with pytest.raises(InputError, match=r"weighting\.initial=0: expected a finite number, above 0"):
        make("auto_lambda", 3, initial=0)
