"""Attention on the stages of one trunk."""

from typing import Any

import pytest

from mtl.errors import InputError
from tests.sharing.strategies import build


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"bottleneck": 0}, "model.bottleneck=0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("mtan", "mlp", "flat", **changes)
