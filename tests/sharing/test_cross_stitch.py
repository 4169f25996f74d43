"""Towers whose activations are mixed after every stage."""

from typing import Any

import pytest

from mtl.errors import InputError
from tests.sharing.strategies import assert_starts_as, build, every_pair


@every_pair
def test_starts_as_networks_apart(trunk: str, kind: str) -> None:
    assert_starts_as("single_task", "cross_stitch", trunk, kind, self_weight=1.0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"self_weight": 2}, "model.self_weight=2"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("cross_stitch", "mlp", "flat", **changes)
