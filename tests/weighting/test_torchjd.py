"""Equality with TorchJD, an independent implementation, wherever both have the method.

Where the two differ on purpose: Krum sums squared distances here (as published) and distances there; MGDA, CAGrad and
Nash are solved there to a tolerance of about 1e-3; GradDrop and random weights draw their own numbers; ExcessMTL adds
1e-7 to squares and first risks there.
"""

import copy
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd import aggregation, scalarization

from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Weighting
from tests.weighting.problems import PRIMARY, make

PREFERENCE = [0.2, 0.3, 0.5]


def jacobian(seed: int, tasks: int = 3) -> Tensor:
    """Task gradients with conflicts, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tasks, 6, generator=generator, dtype=torch.float64) + 0.2


def update(weighting: Weighting, j: Tensor) -> Tensor:
    """Ours, from the task gradients, at losses of 1."""
    tasks, losses = torch.arange(len(j)), torch.ones(len(j), dtype=j.dtype)
    if isinstance(weighting, DirectionWeighting):
        return weighting(j.clone(), losses, tasks)[0]
    assert isinstance(weighting, GradientWeighting)
    found: Tensor = weighting(j @ j.T, losses, tasks).to(j) @ j
    return found


AGGREGATORS: dict[str, tuple[str, dict[str, Any], Callable[[], Any], float]] = {
    "mgda": ("mgda", {}, lambda: aggregation.MGDA(epsilon=1e-7, max_iters=20_000), 1e-3),
    "cagrad": ("cagrad", {"c": 0.5}, lambda: aggregation.CAGrad(c=0.5), 1e-2),
    "imtl_g": ("imtl_g", {}, lambda: aggregation.IMTLG(), 1e-6),
    "aligned_mtl": ("aligned_mtl", {}, lambda: aggregation.AlignedMTL(), 1e-6),
    "aligned_mtl median": (
        "aligned_mtl",
        {"scale": "median"},
        lambda: aggregation.AlignedMTL(scale_mode="median"),
        1e-6,
    ),
    "aligned_mtl rmse": ("aligned_mtl", {"scale": "rmse"}, lambda: aggregation.AlignedMTL(scale_mode="rmse"), 1e-6),
    "aligned_mtl preference": (
        "aligned_mtl",
        {"preference": PREFERENCE},
        lambda: aggregation.AlignedMTL(torch.tensor(PREFERENCE, dtype=torch.float64)),
        1e-6,
    ),
    "config": ("config", {}, lambda: aggregation.ConFIG(), 1e-6),
    "config preference": (
        "config",
        {"preference": PREFERENCE},
        lambda: aggregation.ConFIG(torch.tensor(PREFERENCE, dtype=torch.float64)),
        1e-6,
    ),
    "dualproj": ("dualproj", {}, lambda: aggregation.DualProj(), 1e-3),
    "dualproj preference": (
        "dualproj",
        {"preference": PREFERENCE},
        lambda: aggregation.DualProj(torch.tensor(PREFERENCE, dtype=torch.float64)),
        1e-3,
    ),
    "upgrad": ("upgrad", {}, lambda: aggregation.UPGrad(), 1e-3),
    "upgrad preference": (
        "upgrad",
        {"preference": PREFERENCE},
        lambda: aggregation.UPGrad(torch.tensor(PREFERENCE, dtype=torch.float64)),
        1e-3,
    ),
    "nash_mtl": ("nash_mtl", {}, lambda: aggregation.NashMTL(n_tasks=3), 1e-2),
    "fairgrad": ("fairgrad", {"alpha": 1.0}, lambda: aggregation.FairGrad(alpha=1.0), 1e-3),
    "fairgrad 2": ("fairgrad", {"alpha": 2.0}, lambda: aggregation.FairGrad(alpha=2.0), 1e-3),
    "trimmed_mean": ("trimmed_mean", {}, lambda: aggregation.TrimmedMean(trim_number=1), 1e-6),
    "graddrop": (
        "graddrop",
        {"leak": 1.0},
        lambda: aggregation.GradDrop(leak=torch.ones(3, dtype=torch.float64)),
        1e-6,
    ),
}


NEEDS_ECOS = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="their Nash-MTL calls ECOS, which has no wheel for Python 3.13"
)


@pytest.mark.filterwarnings(
    "ignore:You are solving a parameterized problem that is not DPP"
)  # cvxpy, of their Nash-MTL
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=NEEDS_ECOS if case == "nash_mtl" else ()) for case in AGGREGATORS]
)
def test_same_update(case: str) -> None:
    """The direction of the shared parameters."""
    name, options, make_theirs, tolerance = AGGREGATORS[case]
    theirs = make_theirs()
    for seed in range(5):
        j = jacobian(seed)
        ours, expected = update(make(name, 3, **options), j), theirs(j)
        atol = tolerance * float(expected.abs().max())
        torch.testing.assert_close(ours, expected.to(ours), rtol=tolerance, atol=atol)


@pytest.mark.parametrize("name", ["pcgrad", "gradvac"])
@pytest.mark.parametrize("seed", range(5))
def test_same_surgery_on_two_tasks(name: str, seed: int) -> None:
    """With two tasks there is no order to draw; GradVac over three steps, in which its targets move."""
    ours = make(name, 2)
    theirs = aggregation.PCGrad() if name == "pcgrad" else aggregation.GradVac(beta=0.01)
    for step in range(3):
        j = jacobian(10 * seed + step, 2)
        torch.testing.assert_close(update(ours, j), theirs(j), rtol=1e-5, atol=1e-6)


def test_same_average_surgery_on_three_tasks() -> None:
    """Over many orders."""
    ours, theirs, j = make("pcgrad", 3), aggregation.PCGrad(), jacobian(1)
    mean = torch.stack([update(ours, j) for _ in range(300)]).mean(0)
    expected = torch.stack([theirs(j) for _ in range(300)]).mean(0)
    torch.testing.assert_close(mean, expected, rtol=0, atol=0.05 * float(expected.abs().max()))


def test_same_moving_weights() -> None:
    """CR-MOGM over MGDA, from equal weights."""
    ours = make("cr_mogm", 3)
    inner = aggregation.MGDA(epsilon=1e-7, max_iters=20_000).gramian_weighting
    theirs = aggregation.CRMOGMWeighting(inner, 0.9, torch.full((3,), 1 / 3, dtype=torch.float64))
    for seed in range(4):
        j = jacobian(seed)
        torch.testing.assert_close(update(ours, j), theirs(j @ j.T) @ j, rtol=1e-3, atol=1e-3)


def test_same_weights_of_independent_batches() -> None:
    """MoDo and SDMGrad, given pairs of gradients of mean length 1: MoDo there takes them as they are, and SDMGrad there
    takes the roots of positive diagonal elements for lengths, which for a pair of equal gradients they are.
    """
    modo, sdmgrad = make("modo", 3, gamma=0.2, rho=0.1), make("sdmgrad", 3, c=0.5, lr=0.2, steps=5)
    theirs = aggregation.MoDoWeighting(gamma=0.2, rho=0.1)
    pairs = aggregation.SDMGradWeighting(lr=0.2, momentum=0.0, n_iter=5, lambda_=0.5)
    steps = [jacobian(seed) for seed in range(4)]
    steps = [j / j.norm(dim=1).mean() for j in steps]
    update(modo, steps[0])
    for before, now, after in zip(steps, steps[1:], steps[2:], strict=False):
        update(modo, now)
        torch.testing.assert_close(
            update(copy.deepcopy(modo), after), theirs(now @ before.T) @ after, rtol=1e-4, atol=1e-5
        )
    update(sdmgrad, steps[0])
    for _ in range(3):
        update(sdmgrad, steps[0])
        expected = pairs(steps[0] @ steps[0].T) @ steps[1]
        torch.testing.assert_close(update(copy.deepcopy(sdmgrad), steps[1]), expected, rtol=1e-4, atol=1e-5)


def test_same_excess_risks() -> None:
    """Over steps after the first, whose weights differ: there the raw risks count, here they only give the unit."""
    ours = make("excess_mtl", 3, lr=0.3)
    theirs = aggregation.ExcessMTL(robust_step_size=0.3, n_warmup_steps=1)
    for seed in range(4):
        j = jacobian(seed).float()
        torch.testing.assert_close(update(ours, j), theirs(j), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_same_priority(tasks: int) -> None:
    """PCD over steps in which its averages move, and with conditions that exclude one another."""
    ours = make("pcd", tasks, primary=PRIMARY, tau=0.3)
    theirs = aggregation.PCD(tau=0.3)
    for seed in range(8):
        j = jacobian(seed, tasks)
        j[1:] *= 10.0 ** (seed % 3 - 1)
        if tasks > 2 and seed == 5:
            j[2] = -j[1]
        torch.testing.assert_close(update(ours, j), theirs(j), rtol=1e-4, atol=1e-5)


SCALARIZERS: dict[str, tuple[str, dict[str, Any], Callable[[], Any]]] = {
    "equal": ("equal", {}, lambda: scalarization.Sum()),
    "fixed": ("fixed", {"weights": PREFERENCE}, lambda: scalarization.Constant(torch.tensor(PREFERENCE))),
    "uncertainty": ("uncertainty", {}, lambda: scalarization.UW(3)),
    "imtl_l": ("imtl_l", {}, lambda: scalarization.IMTLL(3)),
    "geometric_mean": ("geometric_mean", {}, lambda: scalarization.GeometricMean()),
    "stch": ("stch", {"mu": 0.3}, lambda: scalarization.STCH(mu=0.3)),
    "stch preference": (
        "stch",
        {"mu": 0.3, "preference": PREFERENCE},
        lambda: scalarization.STCH(mu=0.3, weights=torch.tensor(PREFERENCE)),
    ),
    "cosmos": (
        "cosmos",
        {"mu": 2.0, "preference": PREFERENCE},
        lambda: scalarization.COSMOS(lambda_=2.0, weights=torch.tensor(PREFERENCE)),
    ),
    "pbi": (
        "pbi",
        {"theta": 2.0, "preference": PREFERENCE},
        lambda: scalarization.PBI(theta=2.0, weights=torch.tensor(PREFERENCE)),
    ),
}


def slope(objective: Callable[[Tensor], Tensor], values: list[float]) -> Tensor:
    """Derivatives of an objective with respect to the losses."""
    losses = torch.tensor(values, requires_grad=True)
    (found,) = torch.autograd.grad(objective(losses), losses)
    return found


@pytest.mark.parametrize("case", SCALARIZERS)
@pytest.mark.parametrize("values", [[0.5, 1.0, 2.0], [3.0, 0.1, 0.7]])
def test_same_weights(case: str, values: list[float]) -> None:
    """Derivatives with respect to the losses."""
    name, options, make_theirs = SCALARIZERS[case]
    ours = make(name, 3, **options)
    assert isinstance(ours, LossWeighting)
    expected = slope(make_theirs(), values)
    torch.testing.assert_close(slope(lambda x: ours(x, torch.arange(3)), values), expected, rtol=1e-4, atol=1e-5)


def test_same_dynamic_average() -> None:
    """DWA over four epochs."""
    ours, theirs = make("dwa", 3), scalarization.DWA(temperature=2.0)
    assert isinstance(ours, LossWeighting)
    for epoch in range(4):
        losses = torch.rand(3) + 0.5 / (epoch + 1)
        expected = slope(theirs, losses.tolist())
        torch.testing.assert_close(slope(lambda x: ours(x, torch.arange(3)), losses.tolist()), expected)
        theirs.step()
        ours.on_epoch_end(losses)


def test_same_fall_of_the_losses() -> None:
    """FAMO over five steps; the pull on the logits is the same number."""
    ours = make("famo", 3)
    theirs = scalarization.FAMO(3, lr=0.025, weight_decay=1e-3)
    assert isinstance(ours, LossWeighting)
    for _ in range(5):
        before, after = torch.rand(3) + 0.5, torch.rand(3) + 0.2
        expected = slope(theirs, before.tolist())
        torch.testing.assert_close(
            slope(lambda x: ours(x, torch.arange(3)), before.tolist()), expected, rtol=1e-4, atol=1e-5
        )
        theirs.update(after)
        ours.after_step(lambda after=after: after)
