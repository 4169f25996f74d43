"""Experts mixed by learned constants."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from tests.sharing.strategies import TASKS, assert_same, build, every_pair, sample


@every_pair
def test_soft_with_identity_is_single_task(trunk: str, kind: str) -> None:
    torch.manual_seed(2)
    soft = build("soft", trunk, kind, alpha="free", self_weight=1.0)
    torch.manual_seed(2)
    single = build("single_task", trunk, kind)
    assert_same(soft, single, sample(kind))


@every_pair
def test_soft_with_equal_rows_gives_all_the_same(trunk: str, kind: str) -> None:
    out = build("soft", trunk, kind, self_weight=0.0)(sample(kind))
    for name in TASKS[1:]:
        torch.testing.assert_close(out[name], out[TASKS[0]])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"experts": -1}, "model.experts=-1"),
        ({"alpha": "sofmax"}, "softmax"),
        ({"self_weight": -1.0}, "model.self_weight=-1.0: expected a finite number, 0 or more and below 1"),
        ({"self_weight": 1.0}, "model.self_weight=1.0: expected a finite number, 0 or more and below 1"),
        (
            {"self_weight": 1.5, "alpha": "free"},
            "model.self_weight=1.5: expected a finite number, 0 or more and at most 1",
        ),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("soft", "mlp", "flat", **changes)
