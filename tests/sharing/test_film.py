"""Features of one trunk, scaled and shifted by each task."""

from functools import partial

import pytest

from mtl.nn.mlp import MLP
from tests.sharing.strategies import SHAPES, TASKS, assert_starts_as, every_pair, strategy


@every_pair
def test_starts_as_one_trunk(trunk: str, kind: str) -> None:
    assert_starts_as("hard", "film", trunk, kind)


def test_batch_norm_over_several_tasks_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="encoder.norm=layer"):
        strategy("film")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="batch"))
    strategy("film")(SHAPES["flat"], TASKS, partial(MLP, widths=[8], norm="group"))
