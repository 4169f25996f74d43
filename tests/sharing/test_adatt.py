"""Private experts that all tasks draw on, at every stage."""

from typing import Any

import pytest

from mtl.errors import InputError
from tests.sharing.strategies import assert_gates_sum_to_one, build, every_pair


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("adatt", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"task_experts": 0}, "model.task_experts=0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("adatt", "mlp", "flat", **changes)
