"""Attention on the stages of one trunk."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.mtan import placed
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


@pytest.mark.parametrize(
    ("before", "after"), [((4, 3), (4, 5)), ((4, 6, 6, 3), (4, 2, 2, 5)), ((4, 7, 3), (4, 5)), ((4, 3), (4, 2, 2, 5))]
)
def test_what_was_gathered_goes_on_as_its_average_where_places_differ(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """At every place of the next stage, and of the same row alone."""
    gathered, state = torch.randn(before), torch.zeros(after)
    found = placed(gathered, state)
    assert found.shape == (*after[:-1], before[-1])
    average = gathered.reshape(before[0], -1, before[-1]).mean(1)
    for place in found.reshape(after[0], -1, before[-1]).unbind(1):
        torch.testing.assert_close(place, average)
    same = torch.randn(*after[:-1], 3)
    assert torch.equal(placed(same, state), same)
