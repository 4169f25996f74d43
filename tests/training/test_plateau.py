"""A learning rate that falls when validation improves no more."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.training.plateau import Plateau
from tests.support import tiny

VALUES = st.lists(st.floats(0.01, 1.0) | st.just(float("nan")), max_size=30)


def sgd(groups: int = 1) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(groups)], lr=1.0)


@given(VALUES, VALUES, st.integers(0, 3), st.sampled_from([0.0, 0.1]))
def test_each_group_does_as_the_scheduler_of_torch(
    first: list[float], second: list[float], patience: int, threshold: float
) -> None:
    mine = Plateau(sgd(2), 0.5, patience, threshold, least=0.1)
    for group, values in enumerate((first, second)):
        optimizer = sgd()
        theirs = ReduceLROnPlateau(optimizer, "min", 0.5, patience, threshold, min_lr=0.1)
        for value in values:
            mine.observe(group, value)
            theirs.step(value)
        assert mine.get_lr()[group] == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("model", ["hard", "single_task"])
def test_a_run_follows_its_validations(model: str, tmp_path: Path) -> None:
    """Since nothing is better by 99 %, each validation but the first halves the rate."""
    options = ("scheduler=plateau", "scheduler.patience=0", "scheduler.threshold=0.99", "patience=null", "epochs=4")
    train(tiny(tmp_path, f"model={model}", "weighting=equal", "optimizer.lr=0.01", *options))
    (last,) = tmp_path.rglob("last.ckpt")
    state = torch.load(last, weights_only=True)["lr_schedulers"][0]
    assert state["shares"] == [0.125] * (3 if model == "single_task" else 1)


@pytest.mark.parametrize("wrong", [{"factor": 1.0}, {"patience": -1}, {"least": 2.0}])
def test_a_mistake_is_one_line(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"scheduler.{next(iter(wrong))}="):
        Plateau(sgd(), **wrong)  # type: ignore[arg-type]
