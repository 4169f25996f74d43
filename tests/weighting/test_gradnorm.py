"""GradNorm: what holds for it alone."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mtl.errors import InputError
from mtl.weighting.base import GradientWeighting
from mtl.weighting.gradnorm import GradNorm
from tests.support import fit, module_of, rows
from tests.weighting.gradients import ROOT, J
from tests.weighting.problems import make


def test_gradnorm_moves_weights_towards_a_common_pace() -> None:
    """Norms 2 and sqrt 2, mean 1.7071. Both are further than 0.1 (in logarithms) from it: weight 1 falls and weight 2
    rises by the factor ``exp(0.1)``, then both are divided by their sum, times 2: (0.9003, 1.0997).

    In the second step loss 1 has halved: r = (2/3, 4/3). The norms, 1.8007 and 1.5552 of mean 1.6779, have the targets
    1.1186 and 2.2372, again further than 0.1.
    """
    weighting = make("gradnorm", 2, alpha=1.0, lr=0.1)
    assert isinstance(weighting, GradientWeighting)
    numbers, half = torch.arange(2), torch.tensor([0.5, 1.0])
    assert weighting(J @ J.T, torch.tensor([1.0, 1.0]), numbers).tolist() == [1, 1]
    first = weighting(J @ J.T, half, numbers)
    torch.testing.assert_close(first, torch.tensor([0.900332, 1.099668]))
    second = weighting(J @ J.T, half, numbers)
    torch.testing.assert_close(second, torch.tensor([0.802625, 1.197375]))


def test_gradnorm_arrives_at_equal_norms() -> None:
    """With alpha 0, weights in the ratio of the inverse norms, 1 to sqrt 2, and they stay there."""
    weighting = make("gradnorm", 2, alpha=0.0, lr=0.1)
    assert isinstance(weighting, GradientWeighting)
    for _ in range(20):
        weights = weighting(J @ J.T, torch.ones(2), torch.arange(2))
    torch.testing.assert_close(weights, 2 / (1 + ROOT) * torch.tensor([1, ROOT]), rtol=1e-4, atol=1e-4)


@settings(max_examples=25)
@given(
    st.lists(st.floats(0.01, 100), min_size=2, max_size=4),
    st.floats(1e-3, 1e3),
    st.sampled_from(["none", "loss_scale"]),
)
def test_pace_does_not_depend_on_the_unit_of_a_loss(losses: list[float], factor: float, normalise: str) -> None:
    """A loss and its initial loss times a factor: the targets stay, so weight times factor is the weight that was."""
    tasks = len(losses)
    first, later = torch.tensor(losses), torch.tensor(losses).flip(0)
    factors = torch.ones(tasks)
    factors[0] = factor
    ends = []
    for units in (torch.ones(tasks), factors):
        weighting = make("gradnorm", tasks, alpha=0.5, lr=20.0, normalise=normalise)
        weighting.on_initial_losses(first * units)
        p = nn.Parameter(torch.ones(tasks))
        for _ in range(2):
            weights = weighting.backward(list(later * units * p), [p], [[] for _ in losses])
        ends.append(weights * units)
    torch.testing.assert_close(ends[1] / ends[1].sum(), ends[0] / ends[0].sum(), rtol=1e-3, atol=1e-6)


def test_initial_losses_are_those_that_were_told() -> None:
    """Pace is ``L / L(0)``: with losses (1, 1) after (0.5, 2) it is 2 and 0.5, r 1.6 and 0.4; alpha 1, norms alike."""
    for weighting in (
        make("gradnorm", 2, alpha=1.0, lr=10.0, initial_losses=[0.5, 2.0]),
        make("gradnorm", 2, alpha=1.0, lr=10.0),
    ):
        assert isinstance(weighting, GradientWeighting)
        weighting.on_initial_losses(torch.tensor([0.5, 2.0]) if weighting.needs_initial_losses else torch.ones(2))
        for _ in range(2):
            weights = weighting(torch.eye(2), torch.ones(2), torch.arange(2))
        torch.testing.assert_close(weights, torch.tensor([1.6, 0.4]))


def test_what_is_not_told_is_the_first_loss() -> None:
    """Of a task without a constant, in a loop that tells nothing, and with ``initial=first_batch``."""
    told = torch.tensor([math.nan, 3.0])
    for weighting, expected in (
        (make("gradnorm", 2), [7.0, 3.0]),
        (make("gradnorm", 2, initial="first_batch"), [7.0, 8.0]),
    ):
        assert isinstance(weighting, GradNorm)
        weighting.on_initial_losses(told)
        weighting(torch.eye(2), torch.tensor([7.0, 8.0]), torch.arange(2))
        weighting(torch.eye(2), torch.tensor([1.0, 1.0]), torch.arange(2))
        assert weighting.initial_losses.tolist() == expected


def test_training_tells_the_losses_of_the_best_constants() -> None:
    """Variances of the training labels, before the first step."""
    data = rows(40, missing=0.3)
    module = fit(data, module_of(data, GradNorm(3)), batch_size=10, epochs=1)
    labels = [target[~target.isnan()] for target in data.given.targets.values()]
    expected = torch.stack([values.var(correction=0) for values in labels])
    torch.testing.assert_close(module.weighting.initial_losses, expected)


def test_a_start_beside_initial_losses_is_refused() -> None:
    with pytest.raises(InputError, match=r"weighting\.initial=first_batch has no effect: expected it with .*=null"):
        make("gradnorm", 2, initial="first_batch", initial_losses=[1.0, 2.0])


def test_wrong_initial_losses_are_refused() -> None:
    """In one line."""
    with pytest.raises(InputError, match=r"^weighting.initial_losses has 2 values for 3 tasks$"):
        GradNorm(3, initial_losses=[1.0, 2.0])
    with pytest.raises(InputError, match=r"^weighting.initial_losses=nan: expected a finite number, 0 or more$"):
        GradNorm(2, initial_losses=[1.0, math.nan])
    with pytest.raises(InputError, match="first_batch"):
        GradNorm(2, initial="first_bach")
