"""A test of learning rates finds one at which losses fall, and leaves nothing else behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.module.module import MultiTaskModule
from mtl.runs.checkpoint import read_checkpoint
from mtl.training.callbacks.lr_finder import LearningRateFinder, steepest
from tests.support import own_optimizer, tiny

RUNS = {
    "weights that are state": ["model=hard", "weighting=gradnorm", "encoder.dropout=0.2", "accumulate=2"],
    "losses looked at again": ["model=gated", "weighting=famo", "optimizer=adamw"],
    "nothing shared": ["model=single_task", "weighting=equal", "scheduler=none"],
}


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_training_is_that_with_the_rate_found(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mtl.training.callbacks.lr_finder.steepest", lambda rates, losses: 0.0123)
    common = [*options, "epochs=3", "logger=csv"]
    found = train(tiny(tmp_path / "found", *common, "callbacks=lr_finder", "callbacks.lr_finder.steps=20"))
    assert capsys.readouterr().err == "learning rate 0.012 found, in place of 0.001\n"
    given = train(tiny(tmp_path / "given", *common, "optimizer.lr=0.0123"))
    one, two = (read_checkpoint(Path(result.directory) / "last.ckpt") for result in (found, given))
    for name, value in one["state_dict"].items():
        assert torch.equal(value.nan_to_num(), two["state_dict"][name].nan_to_num()), name
    assert found.metrics == given.metrics


def test_rates_of_groups_are_not_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an optimizer that gives the layers rates by their depth, one rate for all would be another one."""
    config = own_optimizer(tiny(tmp_path, "weighting=equal", "callbacks=lr_finder"))
    made = MultiTaskModule.configure_optimizers

    def by_depth(module: MultiTaskModule) -> Any:
        found: Any = made(module)
        found["optimizer"].param_groups[0]["lr"] = 1e-5
        return found

    monkeypatch.setattr(MultiTaskModule, "configure_optimizers", by_depth)
    with pytest.raises(InputError, match="the optimizer gives groups of parameters learning rates of their own"):
        train(config)


def test_the_rate_is_where_losses_fall_fastest() -> None:
    rates = np.geomspace(1e-6, 1.0, 100).tolist()
    falls_at = 60
    losses = [3 / (1 + np.exp((number - falls_at) / 4)) for number in range(100)]
    found = steepest(rates, losses)
    assert found is not None
    assert rates[falls_at - 5] < found < rates[falls_at + 25]  # the running mean is behind
    assert steepest(rates, [1.0 + number for number in range(100)]) is None
    assert steepest(rates[:11], losses[:11]) is None


@pytest.mark.parametrize(
    ("arguments", "message"), [({"min_lr": 0.1, "max_lr": 0.01}, "0 < min_lr < max_lr"), ({"steps": 5}, "20 or more")]
)
def test_wrong_arguments_are_named(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LearningRateFinder(**arguments)  # type: ignore[arg-type]
