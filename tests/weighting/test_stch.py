"""STCH: what holds for it alone."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.weighting.stch import STCH
from tests.weighting.gradients import slope

MEANS = [(9.0, 9.0, 9.0), (4.0, 0.5, 100.0), (3.0, 0.1, 90.0)]  # losses of three epochs


def expected(losses: list[float], reached: tuple[float, ...] | None, mu: float, q: list[float]) -> torch.Tensor:
    """Derivatives of the formula, written out for each task."""
    if reached is None:
        return torch.tensor([share / loss for share, loss in zip(q, losses, strict=True)])
    powers = [(loss / unit) ** (share / mu) for loss, unit, share in zip(losses, reached, q, strict=True)]
    parts = zip(powers, q, losses, strict=True)
    return torch.tensor([len(q) * power / sum(powers) * share / loss for power, share, loss in parts])


def test_losses_are_compared_by_what_they_are_above_the_ideal() -> None:
    """By hand: ``p (L - z) / mu`` are 1 and 2."""
    weighting = STCH(2, 0.5, [0.25, 0.75], ideal=[1.0, 2.0])
    shares = torch.softmax(torch.tensor([1.0, 2.0]), 0)
    torch.testing.assert_close(slope(weighting, [3.0, 2 + 4 / 3]), torch.tensor([0.25, 0.75]) * shares)


@pytest.mark.parametrize("preference", [None, [0.2, 0.3, 0.5]])
@pytest.mark.parametrize("mu", [1.0, 0.3])
def test_warm_up_is_sums_of_logarithms_then_a_smooth_maximum_of_them(mu: float, preference: list[float] | None) -> None:
    """Two epochs of the former; the losses of the second are the unit from then on."""
    weighting, q = STCH(3, mu, preference, warm_up=2), [3 * p for p in preference or [1 / 3] * 3]
    losses = [2.0, 0.4, 50.0]
    for number, means in enumerate(MEANS):
        reached = MEANS[1] if number >= 2 else None
        torch.testing.assert_close(slope(weighting, losses), expected(losses, reached, mu, q), rtol=1e-4, atol=1e-6)
        weighting.on_epoch_end(torch.tensor(means))


def test_units_of_the_losses_do_not_matter_with_warm_up() -> None:
    """A loss times a number has its weight divided by that number."""
    factors = torch.tensor([1.0, 1e4, 1e-4])
    one, two = STCH(3, warm_up=1), STCH(3, warm_up=1)
    losses = torch.tensor([2.0, 0.4, 50.0])
    for means in MEANS:
        found, other = slope(one, losses.tolist()), slope(two, (factors * losses).tolist())
        torch.testing.assert_close(other * factors, found, rtol=1e-4, atol=1e-6)
        one.on_epoch_end(torch.tensor(means))
        two.on_epoch_end(factors * torch.tensor(means))


def test_a_task_without_labels_at_the_end_of_the_warm_up_is_measured_later() -> None:
    """Until then it counts as standing at its unit."""
    weighting = STCH(2, warm_up=1)
    weighting.on_epoch_end(torch.tensor([4.0, torch.nan]))
    torch.testing.assert_close(slope(weighting, [2.0, 5.0]), expected([2.0, 5.0], (4.0, 5.0), 1.0, [1.0, 1.0]))
    weighting.on_epoch_end(torch.tensor([1.0, 8.0]))
    torch.testing.assert_close(slope(weighting, [2.0, 5.0]), expected([2.0, 5.0], (4.0, 8.0), 1.0, [1.0, 1.0]))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"warm_up": 0}, r"weighting\.warm_up=0: expected a whole number, 1 or more"),
        ({"warm_up": 2, "ideal": [0.1, 0.1]}, r"weighting\.ideal=\[0.1, 0.1\] together with weighting\.warm_up"),
        ({"warm_up": 2, "normalise": "loss_scale"}, r"weighting\.normalise=loss_scale together with"),
    ],
)
def test_mistakes_are_one_line(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        STCH(2, **options)
