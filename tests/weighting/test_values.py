"""One case of every method computed by hand.

Gradient methods: ``g_1 = (2, 0, 0)`` and ``g_2 = (-1, 1, 0)``, so ``G = [[4, -2], [-2, 2]]``: the mean is (1/2, 1/2,
0), lengths are 2 and sqrt 2, and the angle between them is 135 degrees.
"""

import math

import pytest
import torch
from torch import Tensor

from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting
from mtl.weighting.held_out import HeldOutWeighting
from tests.weighting.problems import METHODS, make, method

J = torch.tensor([[2.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
ROOT = math.sqrt(2)
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


def test_every_method_has_a_case() -> None:
    """But for random weights, of which the sum is known; those learned on held-out rows have a file of theirs."""
    elsewhere = {name for name in METHODS if issubclass(method(name), HeldOutWeighting)}
    assert {*LOSS_CASES, *GRADIENT_CASES, *DIRECTION_CASES, *elsewhere, "random"} == set(METHODS)


@pytest.mark.parametrize("name", LOSS_CASES)
def test_loss_weighting(name: str) -> None:
    """Derivatives of the objective with respect to the losses."""
    values, options, expected = LOSS_CASES[name]
    torch.testing.assert_close(slope(make(name, 2, **options), values), torch.tensor(expected).float())


def slope(weighting: object, values: list[float]) -> Tensor:
    """Derivatives of the objective at these losses."""
    assert isinstance(weighting, LossWeighting)
    losses = torch.tensor(values, dtype=torch.float32, requires_grad=True)
    (found,) = torch.autograd.grad(weighting(losses, torch.arange(len(values))), losses)
    return found


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


@pytest.mark.parametrize("distribution", ["normal", "dirichlet"])
def test_random_weights(distribution: str) -> None:
    """Positive, of sum 1, new in every step, and 1/K on average."""
    weighting = make("random", 4, distribution=distribution)
    drawn = torch.stack([slope(weighting, [1, 1, 1, 1]) for _ in range(400)])
    assert float(drawn.min()) > 0
    torch.testing.assert_close(drawn.sum(1), torch.ones(400))
    torch.testing.assert_close(drawn.mean(0), torch.full((4,), 0.25), rtol=0, atol=0.04)
    assert float(drawn.std(0).min()) > 0.1


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


@pytest.mark.parametrize(
    ("regulariser", "price", "descent"),
    [("kendall", 0.5 * math.log(4), [-0.5, -0.5]), ("liebel", math.log(2) + math.log(5), [-0.5, -0.2])],
)
def test_uncertainty_learns_the_noise(regulariser: str, price: float, descent: list[float]) -> None:
    """``s = (0, log 4)``, ``L = (2, 8)``: 1/2 * 2 + 1/8 * 8 and the price of s; its derivatives are r'(s) - 1."""
    weighting = make("uncertainty", 2, regulariser=regulariser)
    assert isinstance(weighting, LossWeighting)
    with torch.no_grad():
        next(weighting.parameters()).copy_(torch.tensor([0.0, math.log(4)]))
    objective = weighting(torch.tensor([2.0, 8.0]), torch.arange(2))
    assert objective.item() == pytest.approx(2 + price)
    objective.backward()
    torch.testing.assert_close(next(weighting.parameters()).grad, torch.tensor(descent))


def test_dwa_weighs_by_the_last_two_epochs() -> None:
    """Ratios 1/2 and 1, temperature 2: 2 softmax(1/4, 1/2)."""
    weighting = make("dwa", 2)
    weighting.on_epoch_end(torch.tensor([1.0, 1.0]))
    assert slope(weighting, [1, 1]).tolist() == [1, 1]
    weighting.on_epoch_end(torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(slope(weighting, [1, 1]), torch.tensor([0.875647, 1.124353]))


def test_famo_takes_weight_from_the_task_that_fell_most() -> None:
    """Adam's first step has the length of its rate."""
    weighting = make("famo", 2)
    slope(weighting, [2, 8])
    weighting.after_step(lambda: torch.tensor([1.0, 8.0]))
    torch.testing.assert_close(weighting.state_dict()["logits"], torch.tensor([-0.025, 0.025]), rtol=1e-4, atol=1e-6)


def test_nash_solves_as_often_as_asked() -> None:
    """With update_every=3 the weights of the first solve serve three steps."""
    weighting = make("nash_mtl", 2, update_every=3)
    parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    found = []
    for step in range(4):
        losses = [(parameter[0] - step) ** 2 + parameter[1], parameter.square().sum() + 1]
        found.append(weighting.backward(losses, [parameter], [[], []]))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])


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


def test_trimmed_mean_of_three_is_the_median() -> None:
    """Number by number."""
    weighting = make("trimmed_mean", 3)
    assert isinstance(weighting, DirectionWeighting)
    j = torch.tensor([[1.0, 5.0, -1.0], [2.0, -7.0, 0.0], [9.0, 1.0, 1.0]])
    assert weighting(j, torch.ones(3), torch.arange(3))[0].tolist() == [2, 1, 0]


def test_krum_ignores_the_outlier() -> None:
    """Four gradients in a row and one far away: squared distances to two neighbours are least for the second, 0.05."""
    weighting = make("krum", 5)
    assert isinstance(weighting, GradientWeighting)
    j = torch.tensor([[1.0, 0.0], [1.1, 0.0], [1.3, 0.0], [1.6, 0.0], [-9.0, 9.0]], dtype=torch.float64)
    assert weighting(j @ j.T, torch.ones(5), torch.arange(5)).tolist() == [0, 1, 0, 0, 0]


def test_mgda_measures() -> None:
    """Unit gradients of any angle are weighed alike."""
    weighting = make("mgda", 2, measure="norm")
    assert isinstance(weighting, GradientWeighting)
    torch.testing.assert_close(
        weighting(J @ J.T, torch.ones(2), torch.arange(2)), torch.tensor([0.5, 0.5], dtype=torch.float64)
    )


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


def test_excess_of_some_tasks_leaves_the_share_of_the_others() -> None:
    """Weights 1 : 2 : 3 of the three; whatever the last two do among themselves, the first has a sixth of all."""
    weighting = make("excess_mtl", 3, lr=0.5)
    assert isinstance(weighting, DirectionWeighting)
    weighting.log_weights.copy_(torch.tensor([1.0, 2.0, 3.0]).log())
    for factor in (1, 3, 1):
        weighting(torch.stack([factor * J[0], J[1]]), torch.ones(2), torch.tensor([1, 2]))
    shares = torch.softmax(weighting.log_weights, 0)
    assert float(shares[0]) == pytest.approx(1 / 6)
    assert float(shares[1]) != pytest.approx(1 / 3, rel=1e-3)


def test_imtl_scales_losses_before_it_balances_gradients() -> None:
    """Losses 2 and 1/2 ask for slopes 1 and -1/2: s becomes (-0.01, 0.005). The combination of the scaled gradients has
    weights in the ratio of the inverse lengths, and sum 1; heads get their scaled loss.
    """
    weighting = make("imtl", 2)
    assert isinstance(weighting, GradientWeighting)
    scale = torch.tensor([-0.01, 0.005]).exp()
    weights = weighting(J @ J.T, torch.tensor([2.0, 0.5]), torch.arange(2)).float()
    shares = 1 / torch.tensor([2.0, ROOT])
    torch.testing.assert_close(weights, shares / (shares / scale).sum())
    torch.testing.assert_close(weighting.private_factors(weights, torch.arange(2)), scale)


def test_gradvac_turns_a_gradient_to_its_target() -> None:
    """``p_1`` is turned until its cosine with ``g_2`` is 0.3; ``g_2`` is content with any."""
    weighting = make("gradvac", 2, beta=0.5)
    assert isinstance(weighting, GradientWeighting)
    targets = weighting.state_dict()["targets"]
    targets.copy_(torch.tensor([[0.0, 0.3], [-1.0, 0.0]]))
    turned = weighting(J @ J.T, torch.ones(2), torch.arange(2)).float() @ J - J[1]
    assert float(torch.nn.functional.cosine_similarity(turned, J[1], 0)) == pytest.approx(0.3, abs=1e-5)
    cosine = -1 / ROOT
    torch.testing.assert_close(targets[0, 1], torch.tensor(0.5 * 0.3 + 0.5 * cosine))
    torch.testing.assert_close(targets[1, 0], torch.tensor(-0.5 + 0.5 * cosine))


@pytest.mark.parametrize("normalise", ["none", "loss_scale", "gradient_norm"])
def test_famo_compares_losses_in_the_same_units(normalise: str) -> None:
    """Losses that did not change say nothing, whatever they were divided by."""
    weighting = make("famo", 2, normalise=normalise)
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    for _ in range(2):
        losses = [7 * p.square().sum(), p[0] + p[1]]
        weighting.backward(losses, [p], [[], []])
        weighting.after_step(lambda losses=losses: torch.stack(losses).detach())
    assert weighting.state_dict()["logits"].tolist() == [0, 0]
