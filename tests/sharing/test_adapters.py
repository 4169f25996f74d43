"""Bottlenecks of each task's own in one trunk."""

from functools import partial
from typing import Any

import pytest

from mtl.errors import InputError
from mtl.nn.mlp import MLP
from tests.sharing.strategies import SHAPES, TASKS, assert_starts_as, build, every_pair, strategy


@every_pair
def test_starts_as_one_trunk(trunk: str, kind: str) -> None:
    assert_starts_as("hard", "adapters", trunk, kind)


def test_frozen_trunk_leaves_only_what_is_private() -> None:
    sharing = build("adapters", "mlp", "flat", freeze=True)
    assert not any(p.requires_grad for p in sharing.shared_parameters())
    assert all(p.requires_grad for name in TASKS for p in sharing.private_parameters(name))


def test_batch_norm_over_several_tasks_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="encoder.norm=layer"):
        strategy("adapters")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="batch"))
    strategy("adapters")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="group"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"bottleneck": 0}, "model.bottleneck=0"),
        ({"freeze": "false"}, "^model.freeze=false: expected true or false"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("adapters", "mlp", "flat", **changes)
