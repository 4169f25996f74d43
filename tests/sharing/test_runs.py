"""Sharing as a run has it: groups from the command line, and what is counted."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback, Trainer

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.sharing.grouped import Grouped
from mtl.training.resources import count_flops
from tests.support import tiny
from tests.trained import resume, train_with

SMALL = ("task=synthetic", "task.rows=50", "task.features=8", "encoder.widths=[16]")


def test_groups_come_from_the_config() -> None:
    module = build(configure(*SMALL, "model=hard", "grouping=[[task0,task2]]")).module
    sharing = module.network.sharing
    assert isinstance(sharing, Grouped)
    assert sharing.groups == (("task0", "task2"),)
    assert len(module.partition.shared) == 2


def test_a_task_that_is_none_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="task0"):
        build(configure(*SMALL, "model=hard", "grouping=[[tsk0]]"))


@pytest.mark.parametrize(
    ("model", "trunks", "once"),  # once for the batch: of 16 x 8 the choice of 3 outer factors, and two products
    [("hard", 1, 0), ("single_task", 3, 0), ("mtl_lora", 3, 3 * (3 * 16 * 8 + 2 * 16 * 8 * 8))],
)
def test_operations_of_a_prediction_by_hand(model: str, trunks: int, once: int) -> None:
    assembly = build(configure(*SMALL, f"model={model}"))
    assembly.data.setup("fit")
    rows = len(assembly.data.splits["test"])
    assert count_flops(assembly.module, assembly.data) == round(2 * (trunks * 8 * 16 + 3 * 16 * 1 + once / rows))


class Stop(Callback):
    """Interrupts the training in the middle of its second epoch."""

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 1 and batch_idx == 1:
            raise KeyboardInterrupt


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["ltb", "sparse", "dselect_k"])
def test_strategies_with_noise_and_state_resume_bit_for_bit(model: str, tmp_path: Path) -> None:
    """Noise of the branching and its temperature, and penalties of the gates, go on where they stopped."""
    overrides = (f"model={model}", "weighting=equal", "epochs=3")
    whole = train(tiny(tmp_path / "whole", *overrides))
    with pytest.raises(SystemExit):
        train_with(tiny(tmp_path / "parts", *overrides), Stop())
    (stopped,) = (path.parent for path in (tmp_path / "parts").rglob("config.yaml"))
    resumed = resume(stopped)
    assert resumed.metrics == whole.metrics
