"""Private experts that all tasks draw on, at every stage."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.adatt import AdaTT
from tests.sharing.strategies import TASKS, assert_gates_sum_to_one, build, every_pair, sample


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("adatt", trunk, kind)


def test_what_a_task_draws_on_its_own_experts_counts_beside_the_gates() -> None:
    """Gates that leave out the expert of their task: half of what it draws on is still that one."""
    sharing = build("adatt", "mlp", "flat")
    assert isinstance(sharing, AdaTT)
    with torch.no_grad():
        for gates in sharing.gates:
            for name in TASKS:
                gates[name].groups[name].bias.fill_(-99.0)  # type: ignore[index, union-attr]
    sharing(sample("flat"))
    for stage in sharing.mixtures():
        torch.testing.assert_close(stage.diagonal(), torch.full((3,), 0.5))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"task_experts": 0}, "model.task_experts=0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("adatt", "mlp", "flat", **changes)
