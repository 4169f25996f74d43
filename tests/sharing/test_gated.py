"""A mixture of experts with a gate per task."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from tests.sharing.strategies import assert_gates_sum_to_one, assert_same, build, every_pair, sample


@every_pair
def test_gated_with_one_expert_is_hard(trunk: str, kind: str) -> None:
    gated, hard = build("gated", trunk, kind, experts=1), build("hard", trunk, kind)
    values = dict(gated.experts.encoder.named_parameters())  # type: ignore[union-attr]
    with torch.no_grad():
        for name, parameter in hard.trunk.named_parameters():  # type: ignore[union-attr]
            parameter.copy_(values[name].view_as(parameter))
    assert_same(gated, hard, sample(kind))


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("gated", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"experts": 0}, "model.experts=0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("gated", "mlp", "flat", **changes)
