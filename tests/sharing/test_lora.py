"""Low-rank terms of each task's own."""

from functools import partial
from typing import Any

import pytest

from mtl.errors import InputError
from mtl.nn.encoder import InputShape
from mtl.nn.mlp import MLP
from tests.sharing.strategies import SHAPES, TASKS, assert_starts_as, build, every_pair, strategy


@every_pair
def test_starts_as_one_trunk(trunk: str, kind: str) -> None:
    assert_starts_as("hard", "lora", trunk, kind)


def test_frozen_trunk_leaves_only_what_is_private() -> None:
    sharing = build("lora", "mlp", "flat", freeze=True)
    assert not any(p.requires_grad for p in sharing.shared_parameters())
    assert all(p.requires_grad for name in TASKS for p in sharing.private_parameters(name))


def test_what_an_encoder_means_to_learn_is_not_frozen_without_a_word() -> None:
    def half_frozen(shape: InputShape) -> MLP:
        encoder = MLP(shape, widths=[8, 8])
        encoder.stages[0].requires_grad_(False)
        return encoder

    strategy("lora")(SHAPES["flat"], TASKS, half_frozen)
    with pytest.raises(InputError, match=r"^model\.freeze=true: .* expected model\.freeze=false, or encoder\.tuning="):
        strategy("lora", freeze=True)(SHAPES["flat"], TASKS, half_frozen)


def test_batch_norm_over_several_tasks_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="encoder.norm=layer"):
        strategy("lora")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="batch"))
    strategy("lora")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="group"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"rank": 0}, "model.rank=0"),
        ({"scale": 0.0}, "model.scale=0.0: expected a finite number, above 0"),
        ({"scale": -1.0}, "model.scale=-1.0: expected a finite number, above 0"),
        ({"scale": float("nan")}, "model.scale=nan: expected a finite number"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("lora", "mlp", "flat", **changes)
