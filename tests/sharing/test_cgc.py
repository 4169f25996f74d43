"""Private experts beside shared ones."""

from typing import Any

import pytest

from mtl.errors import InputError
from tests.sharing.strategies import (
    assert_gates_sum_to_one,
    assert_nothing_shared,
    assert_same,
    assert_starts_as,
    build,
    disturbed,
    every_pair,
    sample,
    seeded,
)


@every_pair
def test_cgc_without_own_experts_is_gated(trunk: str, kind: str) -> None:
    cgc, gated = seeded("cgc", trunk, kind, task_experts=0, shared_experts=3), seeded("gated", trunk, kind, experts=3)
    assert_same(cgc, gated, sample(kind))


@every_pair
def test_starts_as_networks_apart(trunk: str, kind: str) -> None:
    assert_starts_as("single_task", "cgc", trunk, kind, task_experts=1, shared_experts=0)


@every_pair
def test_own_experts_alone_share_nothing(trunk: str, kind: str) -> None:
    assert_nothing_shared(disturbed(build("cgc", trunk, kind, task_experts=1, shared_experts=0)), kind)


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("cgc", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"task_experts": 0, "shared_experts": 0}, "at least one"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("cgc", "mlp", "flat", **changes)
