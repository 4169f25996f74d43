"""CoBa against its formulas written out, and what holds for it alone."""

import copy

import numpy as np
import pytest
import torch

from mtl.weighting.base import LossWeighting, Step
from tests.weighting.gradients import slope
from tests.weighting.problems import make

LOSSES = [2.0, 0.4, 50.0]


def curves(steps: int) -> np.ndarray:
    """Held-out losses ``[steps, 3]``: one falls, one stands, one falls and then rises."""
    t = np.arange(1, steps + 1)
    noise = 1 + 0.02 * np.sin(7 * t[:, None] + np.arange(3))
    return np.stack([5 / t**0.5, np.full(steps, 0.3), 100 * (1 - 0.1 * t + 0.01 * t**2)], 1) * noise


def softmax(values: np.ndarray) -> np.ndarray:
    """Over all of them."""
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def expected(found: np.ndarray, tau: float, warm_up: int, window: int) -> np.ndarray:
    """The weights after these held-out losses, by numpy's own lines of least squares."""
    steps, tasks = found.shape
    if steps < warm_up:
        return np.full(tasks, 1 / tasks)
    r = found / found[0]

    def line(values: np.ndarray, t: int) -> float:
        start = max(0, t - window)
        return float(np.polyfit(np.arange(start, t), values[start:t], 1)[0])

    times = range(warm_up, steps + 1)
    slopes = np.array([[line(r[:, i], t) for i in range(tasks)] for t in times])
    slowest = np.array([line(r.max(1), t) for t in times])
    now, recent = slopes[-1], slopes[-window:]
    relative = softmax(tasks * now / np.abs(now).sum())
    absolute = softmax(-len(recent) * now / np.abs(recent).sum(0))
    d = min(len(slowest) * softmax(-tau * len(slowest) * slowest / np.abs(slowest).sum())[-1], 1.0)
    return np.asarray(d * relative + (1 - d) * absolute)


def fed(weighting: LossWeighting, found: np.ndarray) -> LossWeighting:
    """After these held-out losses."""
    for row in found:
        weighting.on_held_out_losses(torch.tensor(row).float(), [], [[], [], []])
    return weighting


@pytest.mark.parametrize("steps", [1, 3, 4, 9, 30])
@pytest.mark.parametrize("tau", [5.0, 0.5])
def test_weights_are_those_of_the_formulas(steps: int, tau: float) -> None:
    """Before, at and after the end of the warm-up, and when the window is full."""
    weighting = make("coba", 3, tau=tau, warm_up=4, window=8)
    assert isinstance(weighting, LossWeighting)
    found = curves(steps)
    weights = slope(fed(weighting, found), LOSSES)
    torch.testing.assert_close(weights, torch.tensor(expected(found, tau, 4, 8)).float(), rtol=1e-3, atol=1e-5)


def test_the_slowest_task_speeds_up() -> None:
    """More than one share of D would be left for progress in comparison with the others: it is 1 at most."""
    t = np.arange(1, 13)[:, None]
    found = 10 - np.array([0.02, 0.03, 0.05]) * t**2
    weighting = make("coba", 3, tau=2.0, warm_up=4, window=8)
    assert isinstance(weighting, LossWeighting)
    weights = slope(fed(weighting, found), LOSSES)
    r = found / found[0]
    now = np.array([np.polyfit(np.arange(8), r[-8:, i], 1)[0] for i in range(3)])
    expected_weights = torch.tensor(softmax(3 * now / np.abs(now).sum())).float()
    torch.testing.assert_close(weights, expected_weights, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(weights, torch.tensor(expected(found, 2.0, 4, 8)).float(), rtol=1e-3, atol=1e-5)


def test_units_of_the_losses_do_not_matter() -> None:
    """Only ratios of a loss to its first count."""
    one, two = make("coba", 3, warm_up=2, window=5), make("coba", 3, warm_up=2, window=5)
    assert isinstance(one, LossWeighting)
    assert isinstance(two, LossWeighting)
    found = slope(fed(one, curves(12)), LOSSES)
    torch.testing.assert_close(slope(fed(two, curves(12) * [1.0, 1e4, 1e-4]), LOSSES), found, rtol=1e-3, atol=1e-5)


def test_a_task_that_diverges_loses_weight() -> None:
    """Against when it still converged."""
    weighting = make("coba", 3, warm_up=2, window=5)
    assert isinstance(weighting, LossWeighting)
    before = slope(fed(weighting, curves(5)), LOSSES)
    after = slope(fed(weighting, curves(16)[5:]), LOSSES)
    assert after[2] < before[2]


def test_batches_of_a_step_and_tasks_without_labels() -> None:
    """Means over the batches count; a task without labels keeps what is known of it."""
    one, two = make("coba", 3, warm_up=2, window=5), make("coba", 3, warm_up=2, window=5)
    assert isinstance(one, LossWeighting)
    assert isinstance(two, LossWeighting)
    fed(one, curves(6))
    for row in curves(6):
        for number, share in enumerate((0.5, 1.5)):
            two.on_held_out_losses(
                torch.tensor(share * row).float(), [], [[], [], []], Step(batches=2, last=bool(number))
            )
    torch.testing.assert_close(slope(two, LOSSES), slope(one, LOSSES))
    known = copy.deepcopy(one)
    one.on_held_out_losses(torch.tensor([1.0, 0.0, 2.0]), [], [[], [], []], Step(tasks=(0, 2)))
    assert torch.equal(one.slopes[1], known.slopes[1])
    assert not torch.equal(one.slopes[0], known.slopes[0])
