"""The rate of each parameter group is constant, then falls to zero over the steps that were asked for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.training.cooldown import SHAPES, Cooldown


@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_the_rate_is_constant_and_falls_to_zero(shape: str, start: int, length: int, other: int, more: int) -> None:
    parameters = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [p], "lr": lr} for p, lr in zip(parameters, (0.5, 2.0), strict=True)])
    scheduler = Cooldown(optimizer, shape=shape)
    spans = ((start, start + length), (other, other + more))
    for group, span in enumerate(spans):
        scheduler.begin(group, *span)
    rates: list[list[float]] = []
    for _ in range(max(end for _, end in spans) + 2):
        optimizer.step()
        rates.append([group["lr"] for group in optimizer.param_groups])
        scheduler.step()
    for (first, end), rate, course in zip(spans, (0.5, 2.0), zip(*rates, strict=True), strict=True):
        assert set(course[: first + 1]) == {rate}
        assert all(a > b > 0 for a, b in zip(course[first : end - 1], course[first + 1 : end], strict=True))
        assert set(course[end:]) == {0.0}
        assert course[end - 1] <= rate * max(1 / (end - first) ** 0.5, 0.6) or end - first == 1


def test_a_cooldown_goes_on_from_its_state() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = Cooldown(optimizer)
    scheduler.begin(0, 1, 5)
    optimizer.step()
    scheduler.step()
    again = Cooldown(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0))
    again.load_state_dict(scheduler.state_dict())
    for _ in range(5):
        scheduler.step()
        again.optimizer.step()
        again.step()
        assert again.get_last_lr() == pytest.approx(scheduler.get_last_lr(), abs=0)


@pytest.mark.parametrize(("shape", "left"), [("sqrt", 0.5), ("linear", 0.75), ("cosine", 0.8535534)])
def test_what_is_left_of_the_rate_after_a_quarter_of_the_cooldown(shape: str, left: float) -> None:
    """By hand: 1 - sqrt(1/4), 1 - 1/4, and (1 + cos 45 degrees) / 2."""
    scheduler = Cooldown(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), shape=shape)
    assert scheduler.share == 0.2
    scheduler.begin(0, 8, 16)
    assert [scheduler.factor(0, step) for step in (7, 8, 10, 16)] == pytest.approx([1, 1, left, 0], abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_cooldown_is_a_part_of_the_training(share: float) -> None:
    with pytest.raises(InputError, match=rf"scheduler\.share={share}: expected a number between 0 and 1"):
        Cooldown(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), share)
