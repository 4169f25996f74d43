"""With ``early_dropout`` no feature is left out while the learning rate falls."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn

from mtl.config.run_config import RunConfig
from mtl.errors import EXIT_INTERRUPTED
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.training.callbacks import EarlyDropout
from mtl.training.callbacks.early_dropout import groups_of
from tests.support import tiny
from tests.trained import resume, train_with

SHARE = 0.3
# So few and noisy rows that validation soon gets worse, of each task at another time
OVERFITTING = ("task.rows=60", "task.noise=3", "batch_size=20", "optimizer.lr=0.03", "encoder.widths=[16]")


def config(output: Path, *options: str) -> RunConfig:
    return tiny(output, "weighting=equal", f"encoder.dropout={SHARE}", "early_dropout=true", "epochs=10", *options)


class Course(Callback):
    """In every step, by task: the share that is left out, and whether the learning rate has begun to fall."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[float, bool]]] = []

    def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
        rates = [group["lr"] < group["initial_lr"] for group in optimizer.param_groups]
        shares = {group: part.p for part, group in groups_of(module).items()}
        self.seen.append([(shares[group], rates[group]) for group in sorted(shares)])


@pytest.mark.parametrize("model", ["hard", "single_task"])
def test_dropout_ends_where_the_rate_begins_to_fall(model: str, tmp_path: Path) -> None:
    course = Course()
    assert train_with(config(tmp_path, f"model={model}", "patience=2", "epochs=60", *OVERFITTING), course) is not None
    groups = list(zip(*course.seen, strict=True))
    assert len(groups) == (1 if model == "hard" else 3)
    begun = []
    for steps in groups:
        falling = [falls for _, falls in steps]
        first = falling.index(True)
        assert [share for share, _ in steps[: first - 1]] == [SHARE] * (first - 1)
        assert {share for share, falls in steps if falls} == {0.0}  # the first step of a cooldown has the whole rate
        begun.append(first)
    assert model == "hard" or len(set(begun)) > 1


def test_the_network_has_its_dropout_again_when_training_is_over(tmp_path: Path) -> None:
    class Last(Callback):
        def on_fit_end(self, trainer: Trainer, module: Any) -> None:
            assert [part.p for part in module.modules() if isinstance(part, nn.Dropout)] == [SHARE, SHARE]

    assert train_with(config(tmp_path, "model=hard", "patience=null"), Last()) is not None


def test_killed_while_the_rate_falls_comes_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(config(tmp_path / "whole", "patience=null"))
    with monkeypatch.context() as patch:

        def stop(_: Any, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 9:
                raise KeyboardInterrupt

        patch.setattr(EarlyDropout, "on_train_epoch_end", stop)
        with pytest.raises(SystemExit) as ended:
            train(config(tmp_path / "parts", "patience=null"))
    assert ended.value.code == EXIT_INTERRUPTED
    (run,) = (tmp_path / "parts").glob("runs/*/*/*")
    parts = resume(run)
    assert whole is not None
    states = [read_checkpoint(Path(one.directory) / "best.ckpt")["state_dict"] for one in (whole, parts)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
