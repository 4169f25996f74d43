"""Sharing as a run has it: groups from the command line, and what is counted."""

import pytest

from mtl.assembly import build, configure
from mtl.errors import InputError
from mtl.sharing.grouped import Grouped
from mtl.training import count_flops

SMALL = ("task=synthetic", "task.rows=50", "task.features=8", "encoder.widths=[16]")


def test_groups_come_from_the_config() -> None:
    module = build(configure(*SMALL, "model=hard", "relations.groups=[[task0,task2]]")).module
    sharing = module.network.sharing
    assert isinstance(sharing, Grouped)
    assert sharing.groups == (("task0", "task2"),)
    assert len(module.partition.shared) == 2


def test_a_task_that_is_none_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="task0"):
        build(configure(*SMALL, "model=hard", "relations.groups=[[tsk0]]"))


@pytest.mark.parametrize(("model", "trunks"), [("hard", 1), ("single_task", 3)])
def test_operations_of_a_prediction_by_hand(model: str, trunks: int) -> None:
    assembly = build(configure(*SMALL, f"model={model}"))
    assembly.data.setup("fit")
    assert count_flops(assembly.module, assembly.data) == 2 * (trunks * 8 * 16 + 3 * 16 * 1)
