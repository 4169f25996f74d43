"""Blocks that choose their parents."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.ltb import LearningToBranch
from tests.sharing.strategies import TASKS, assert_gates_sum_to_one, build, every_pair, sample


def test_branches_follow_the_firmest_choices() -> None:
    sharing = build("ltb", "mlp", "flat", blocks=2)
    assert isinstance(sharing, LearningToBranch)
    with torch.no_grad():
        sharing.parents[0].copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        sharing.parents[1].copy_(torch.eye(2))
        for name, block in zip(TASKS, (0, 1, 1), strict=True):
            sharing.leaves[name][block] = 1.0
    assert sharing.branches() == {"first": [1, 0, 0], "second": [0, 1, 1], "third": [0, 1, 1]}


def test_the_temperature_halves_its_distance() -> None:
    """From its last value, in every half-life of training passes; passes in evaluation are none."""
    sharing = build("ltb", "mlp", "flat", temperature=5.0, final=0.5, half_life=2.0)
    assert isinstance(sharing, LearningToBranch)
    with torch.no_grad():
        sharing.leaves["first"][1] = 1.0
    for passes in range(5):
        temperature = 0.5 + 4.5 * 0.5 ** (passes / 2)
        expected = torch.tensor([0.0, 1.0, 0.0]).div(temperature).softmax(0)
        torch.testing.assert_close(sharing.mixture()[0], expected)
        sharing.eval()(sample("flat"))
        sharing.train()(sample("flat"))


def test_noise_makes_choices_that_are_drawn_from_the_shares() -> None:
    """As Gumbel noise does: a firm choice among logits is one drawn by their softmax. In evaluation there is none."""
    sharing = build("ltb", "mlp", "flat", temperature=0.001, final=0.001)
    assert isinstance(sharing, LearningToBranch)
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 2.0, 5.0]).log1p().expand(20000, 3)
    drawn = sharing.train().choice(logits).argmax(1).bincount(minlength=3) / len(logits)
    torch.testing.assert_close(drawn, torch.tensor([1.0, 3.0, 6.0]) / 10, rtol=0, atol=0.015)
    assert sharing.eval().choice(logits)[:, 2].eq(1).all()


def test_branching_becomes_firm() -> None:
    sharing = build("ltb", "mlp", "flat", temperature=5.0, final=0.01, half_life=1.0).train()
    with torch.no_grad():
        sharing.leaves["first"][1] = 1.0  # type: ignore[index]
    for _ in range(20):
        sharing(sample("flat"))
    sharing.eval()
    assert isinstance(sharing, LearningToBranch)
    chosen = sharing.choice(sharing.leaves["first"])
    assert chosen[1] > 0.99
    assert sharing.mixture()[0].equal(chosen)


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("ltb", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"final": 9.0}, "final"),
        ({"temperature": float("inf")}, "temperature=inf"),
        ({"blocks": 1, "half_life": 50}, "model.half_life=50 has no effect: expected it with model.blocks=2 or more"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("ltb", "mlp", "flat", **changes)
