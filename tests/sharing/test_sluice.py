"""Towers whose subspaces and stages are mixed."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from tests.sharing.strategies import build, every_pair, sample, seeded


@every_pair
def test_starts_nearly_as_networks_apart(trunk: str, kind: str) -> None:
    """Stages are mixed too: all but one thousandth of the last one."""
    sluice = seeded("sluice", trunk, kind, self_weight=1.0, orthogonality=0.0).eval()
    single, inputs = seeded("single_task", trunk, kind).eval(), sample(kind)
    for name, value in sluice(inputs).items():
        torch.testing.assert_close(value, single(inputs)[name], atol=0.01, rtol=0.01)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"subspaces": 3}, "model.subspaces=3"),
        ({"orthogonality": -1.0}, "model.orthogonality=-1.0: expected a finite number, 0 or more"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("sluice", "mlp", "flat", **changes)
