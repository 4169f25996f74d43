"""Groups of tasks that share among themselves."""

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.grouped import Grouped
from tests.sharing.strategies import SHAPES, TASKS, assert_same, encoder, sample, seeded, strategy


def test_one_group_of_all_is_the_strategy_itself() -> None:
    torch.manual_seed(3)
    grouped = Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy("gated"), [TASKS])
    assert_same(grouped, seeded("gated", "mlp", "flat"), sample("flat"))


@pytest.mark.parametrize(
    ("groups", "complaint"), [([["first", "secnd"]], "second"), ([["first"], ["first", "third"]], "more than one")]
)
def test_wrong_groups_are_one_line(groups: list[list[str]], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy("hard"), groups)
