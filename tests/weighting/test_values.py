"""One case of every method computed by hand.

Gradient methods: ``g_1 = (2, 0, 0)`` and ``g_2 = (-1, 1, 0)``. What takes more than one case stands in the file of the
method.
"""

import math

import pytest
import torch
from scipy import stats

from mtl.weighting.base import DirectionWeighting, GradientWeighting
from tests.weighting import held_out
from tests.weighting.gradients import ROOT, J, slope
from tests.weighting.problems import METHODS, PRIMARY, make

SHRINK = math.sqrt(30 - 10 * math.sqrt(5)) / 20

# Losses, options, weights: derivatives of the objective
LOSS_CASES = {
    "equal": ([2, 8], {}, [1, 1]),
    "fixed": ([2, 8], {"weights": [0.5, 3]}, [0.5, 3]),
    "uncertainty": ([2, 8], {"initial": math.log(4)}, [0.125, 0.125]),
    "dwa": ([2, 8], {}, [1, 1]),
    "geometric_mean": ([2, 8], {}, [1, 0.25]),  # objective 4; 4 / (2 * 2), 4 / (2 * 8)
    "log_sum": ([2, 8], {}, [0.5, 0.125]),
    "imtl_l": ([2, 8], {"initial": math.log(3)}, [3, 3]),
    "famo": ([2, 8], {}, [0.8, 0.2]),  # 1/2 and 1/8, divided by their sum
    "stch": ([2, 2 + 2 * math.log(3)], {}, [0.125, 0.375]),  # 1/2 softmax(1, 1 + log 3)
    "cosmos": ([3, 4], {"mu": 5}, [0.386863, 0.584853]),  # 1/2 - 5 (p_i / (|p||L|) - p'L L_i / (|p||L|^3))
    "coba": ([2, 8], {}, [0.5, 0.5]),  # nothing is known of held-out losses
    "go4align": ([2, 8], {"rate": 0}, [2.5, 0.625]),  # 10 / 2 and 10 / 8, halved
    "pbi": ([3, 1], {}, [ROOT, 0]),  # (1, 1) / sqrt 2 along, (1, -1) / sqrt 2 across
}

# Options, weights
GRADIENT_CASES = {
    "gradnorm": ({}, [1, 1]),
    "mgda": ({}, [0.4, 0.6]),  # |(3a - 1, 1 - a)|^2 is least at a = 0.4
    "pcgrad": ({}, [1.5, 2]),  # g_1 + g_2, and g_2 + g_1 / 2
    "gradvac": ({}, [1.5, 2]),  # targets 0: as above
    "cagrad": ({"c": 1.0}, [0.8, 1.2]),  # (0.4, 1.2): both products 0.8, at distance |g_0| from g_0
    "imtl_g": ({}, [ROOT - 1, 2 - ROOT]),
    "imtl": ({}, [ROOT - 1, 2 - ROOT]),  # losses of 1 leave their scales alone
    "nash_mtl": ({"max_norm": 0}, [1 / math.sqrt(4 - 2 * ROOT), 1 / math.sqrt(2 - ROOT)]),  # 4a^2 = 2b^2
    "fairgrad": ({"alpha": 1}, [1 / math.sqrt(4 - 2 * ROOT), 1 / math.sqrt(2 - ROOT)]),
    "aligned_mtl": (
        {},
        [3 * SHRINK, 4 * SHRINK],
    ),  # G^(-1/2) = sqrt(10) / 20 [[4, 2], [2, 6]], least eigenvalue 3 - sqrt 5
    "upgrad": ({}, [0.75, 1]),  # (g_1 + g_2) / 2 and (g_2 + g_1 / 2) / 2
    "dualproj": ({}, [0.5, 0.5]),  # the mean conflicts with neither
    "config": ({}, [(1 + 1 / ROOT) / 2, (1 + 1 / ROOT) / ROOT]),  # the bisector, at 67.5 degrees
    "cr_mogm": ({}, [0.49, 0.51]),  # 0.9 (1/2, 1/2) + 0.1 (0.4, 0.6)
    "epo": ({}, [1, 1]),  # balanced losses; more of the first would raise the second
    "pmgda": ({}, [0.4, 0.6]),  # on the ray: as mgda
    "pcd": ({"primary": PRIMARY, "tau": 0}, [ROOT, ROOT]),  # (1, 0) made orthogonal to g_2, stretched to 2
    "krum": ({}, [0.5, 0.5]),  # of two neither is nearer to the other
}

# Losses, options, direction, weights of the private gradients
DIRECTION_CASES = {
    "graddrop": ([1, 1], {"leak": 1}, [1, 1, 0], [1, 1]),
    "trimmed_mean": ([1, 1], {}, [0.5, 0.5, 0], [1, 1]),  # of two nothing can be trimmed
    # v_1 = (0.1, 0), v_2 = (-1, 1) / 40; both stretched to 0.1
    "db_mtl": ([2, 4], {}, [0.1 - 0.1 / ROOT, 0.1 / ROOT, 0], [0.5, 0.25]),
    "excess_mtl": ([1, 1], {}, [0.5, 0.5, 0], [0.5, 0.5]),  # the first step gives the unit only
    # w - 0.1 G w / 3 = (0.4667, 0.5), moved back to sum 1
    "moco": ([1, 1], {}, [0.45, 0.516667, 0], [0.483333, 0.516667]),
    "modo": ([1, 1], {}, [0.5, 0.5, 0], [0.5, 0.5]),  # the first step has no other batch to compare with
    "sdmgrad": ([1, 1], {}, [0.5, 0.5, 0], [0.5, 0.5]),
}


HELD_OUT = ("auto_lambda", "moml")
# Of two random weights, what their ratio is distributed as, in its logarithm
RANDOM = {
    "normal": stats.norm(scale=ROOT),  # the difference of two standard normal numbers
    "dirichlet": stats.logistic(),  # of the logarithms of two exponential numbers
}


def test_every_method_has_a_case() -> None:
    """Of a formula, of several steps written out, or of a distribution."""
    assert {*LOSS_CASES, *GRADIENT_CASES, *DIRECTION_CASES, *HELD_OUT, "random"} == set(METHODS)


@pytest.mark.parametrize("name", LOSS_CASES)
def test_loss_weighting(name: str) -> None:
    """Derivatives of the objective with respect to the losses."""
    values, options, expected = LOSS_CASES[name]
    torch.testing.assert_close(slope(make(name, 2, **options), values), torch.tensor(expected).float())


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_gradient_weighting(name: str) -> None:
    """Weights from the Gramian, at losses of 1."""
    options, expected = GRADIENT_CASES[name]
    weighting = make(name, 2, **options)
    assert isinstance(weighting, GradientWeighting)
    weights = weighting(J @ J.T, torch.ones(2), torch.arange(2))
    torch.testing.assert_close(weights.float(), torch.tensor(expected).float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DIRECTION_CASES)
def test_direction_weighting(name: str) -> None:
    """Direction and private weights from the task gradients."""
    losses, options, direction, weights = DIRECTION_CASES[name]
    weighting = make(name, 2, **options)
    assert isinstance(weighting, DirectionWeighting)
    found = weighting(J.clone(), torch.tensor(losses).float(), torch.arange(2))
    torch.testing.assert_close(found[0], torch.tensor(direction).float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], torch.tensor(weights).float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("modo", {"gamma": 0.3}),
        ("sdmgrad", {"c": 1.0, "lr": 0.3, "steps": 1}),  # moves w twice as far; half of w + p is reported
    ],
)
def test_weights_of_a_step_come_from_the_two_batches_before(name: str, options: dict[str, float]) -> None:
    """``J = ((2, 0, 0), (-1, 1, 0))`` after ``H = ((0, 2, 0), (-1, 1, 0))``: ``J H' = ((0, -2), (2, 2))``. The third
    step's own gradients have no say in its weights.

    Mean lengths are ``(2 + sqrt 2) / 2``, their product ``3/2 + sqrt 2``. ``J H' (1/2, 1/2) = (-1, 2)``, less its mean
    ``(-3/2, 3/2)``: weights move by ``0.3 * 3/2`` over the product.
    """
    weighting = make(name, 2, **options)
    assert isinstance(weighting, DirectionWeighting)
    numbers, ones = torch.arange(2), torch.ones(2)
    weighting(torch.tensor([[0.0, 2.0, 0.0], [-1.0, 1.0, 0.0]]), ones, numbers)
    assert weighting(J.clone(), ones, numbers)[1].tolist() == [0.5, 0.5]
    direction, weights = weighting(torch.eye(2, 3), ones, numbers)
    move = 0.45 / (1.5 + ROOT)
    torch.testing.assert_close(weights, torch.tensor([0.5 + move, 0.5 - move]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(direction[:2], weights)


# The second step of methods that remember gradients: its task gradients and losses, direction, weights
SECOND_STEPS = {
    # y = (1, 1) and (-1, 1), whose Gramian over its mean diagonal is the unit matrix: 0.9 w, moved back to sum 1
    "moco": ([[0, 2, 0], [-1, 1, 0]], [1, 1], [-0.03, 1, 0], [0.485, 0.515]),
    # beta = 0.9 / sqrt 2; v_1 = (0.790848, 0), v_2 = (-1, 1) * 0.379514, stretched to the length of v_1
    "db_mtl": ([[2, 0, 0], [-1, 1, 0]], [1, 1], [0.231634, 0.559214, 0], [1, 1]),
    # e = 4 / sqrt 8 and 8 / sqrt 5, over the first ones, 2 and 2; softmax of a hundredth of that
    "excess_mtl": ([[2, 0, 0], [-2, 2, 0]], [1, 1], [-0.010818, 1.005409, 0], [0.497295, 0.502705]),
}


@pytest.mark.parametrize("name", SECOND_STEPS)
def test_second_step(name: str) -> None:
    """After a first one with ``g_1`` and ``g_2``, at losses 2 and 4."""
    rows, losses, direction, weights = SECOND_STEPS[name]
    weighting = make(name, 2)
    assert isinstance(weighting, DirectionWeighting)
    weighting(J.clone(), torch.tensor([2.0, 4.0]), torch.arange(2))
    found = weighting(torch.tensor(rows).float(), torch.tensor(losses).float(), torch.arange(2))
    torch.testing.assert_close(found[0], torch.tensor(direction).float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1], torch.tensor(weights).float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", HELD_OUT)
def test_weights_learned_on_held_out_rows(name: str) -> None:
    """In twelve steps, those of autograd through the step and of torch's Adam."""
    problem, weighting = held_out.problem(), make(name, held_out.TASKS, lr=0.02)
    found: list[torch.Tensor] = []
    problem.train(
        weighting,
        12,
        lambda: found.append(problem.backward(weighting, stop=held_out.TRAINED)),
        lr=held_out.RATE,
        feed_held_out=lambda: problem.feed_held_out(weighting, start=held_out.TRAINED),
    )
    expected = torch.stack(held_out.learned_weights(name, 12, 0.02))
    torch.testing.assert_close(torch.stack(found), expected, rtol=1e-5, atol=1e-6)
    assert float((expected[-1] - expected[0]).abs().max()) > 0.05


@pytest.mark.parametrize(("name", "distribution"), [("random", kind) for kind in RANDOM])
def test_random_weights_are_distributed_so(name: str, distribution: str) -> None:
    """By the test of Kolmogorov and Smirnov, of 3,000 steps; not as the other one. The sum is 1."""
    weighting, tasks = make(name, 2, distribution=distribution), torch.arange(2)
    losses = torch.tensor([1.0, 0.0])  # the sum is the first weight
    first = torch.tensor([float(weighting(losses, tasks)) for _ in range(3000)])
    ratios = first.logit().numpy()
    for kind, law in RANDOM.items():
        assert (stats.kstest(ratios, law.cdf).pvalue > 0.01) == (kind == distribution)
    assert float(slope(weighting, [1, 1]).sum()) == pytest.approx(1)
