"""A chain of tasks."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.network import Network
from mtl.sharing.base import mean_of_these
from mtl.sharing.grouped import Grouped
from mtl.tasks import TaskGraph, binary
from tests.sharing.strategies import (
    SHAPES,
    TASKS,
    assert_gates_sum_to_one,
    build,
    disturbed,
    encoder,
    every_pair,
    reached,
    sample,
    strategy,
)


def test_chain_hands_on_in_its_order_only() -> None:
    sharing = disturbed(build("aitm", "mlp", "flat"))
    found = reached(sharing, sample("flat"))
    assert found["first"] < found["second"] < found["third"]


def test_a_later_event_is_not_expected_more_than_the_one_before_it() -> None:
    """The calibrator by hand, its gradient, and through groups of tasks."""
    torch.manual_seed(0)
    tasks = TaskGraph([binary(name) for name in TASKS])
    chain = build("aitm", "mlp", "flat", calibrate=0.6, order=["third", "first", "second"])
    whole = Network(chain, tasks).eval()
    batches = [sample("flat", 4), sample("flat", 2)]
    found = whole.penalty(batches, mean_of_these)
    chances = torch.cat([torch.stack([whole(x)[name].sigmoid() for name in TASKS], 1) for x in batches])
    first, second, third = chances.unbind(1)
    expected = 0.6 * ((first - third).clamp(min=0) + (second - first).clamp(min=0)).mean()
    torch.testing.assert_close(found, expected)
    before = found.item()
    assert before > 0
    optimizer = torch.optim.SGD(whole.parameters(), lr=0.5)
    for _ in range(30):
        optimizer.zero_grad()
        whole.penalty(batches, mean_of_these).backward()
        optimizer.step()
    assert whole.penalty(batches, mean_of_these).item() < 0.2 * before
    grouped = Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy("aitm", calibrate=0.3), [["third", "first"]])
    assert list(grouped.expectations()) == [("first", "third", 0.3)]


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("aitm", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"order": ["first", "second"]}, "every task once"),
        ({"calibrate": -1}, "model.calibrate=-1"),
        ({"calibrate": float("nan")}, "model.calibrate=nan: expected a finite number"),
        ({"order": ["first", "second", "thrd"]}, "third"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("aitm", "mlp", "flat", **changes)
