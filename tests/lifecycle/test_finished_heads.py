"""With ``finish_heads`` what is shared stays as it was chosen, and no task becomes worse in validation."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.assembly import load, restore
from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.lifecycle.finished_heads import FrozenStatistics
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run
from mtl.training.callbacks.moving_average import OWN
from tests.support import EXIT_INTERRUPTED, tiny
from tests.trained import resume

OPTIONS = ("model=hard", "weighting=uncertainty", "epochs=4", "task.missing=0.3", "encoder.norm=batch")


def config(output: Path, *options: str) -> RunConfig:
    return tiny(output, *OPTIONS, "finish_heads=true", "encoder.dropout=0.3", *options)


def test_tasks_are_trained_on_and_what_is_shared_stays(tmp_path: Path) -> None:
    """Also running statistics of the trunk; no task has a higher validation loss than before, and some a lower one."""
    result = train(config(tmp_path))
    assert result is not None
    run = Run(Path(result.directory))
    assembly = load(run.path)
    finished = {name: value.clone() for name, value in assembly.module.network.state_dict().items()}
    restore(assembly.module, run.heads.path / "start.ckpt")
    started = assembly.module.network.state_dict()
    changed = {name for name in started if not torch.equal(started[name], finished[name])}
    assert changed
    assert all(name.startswith("heads.") for name in changed)
    assembly.data.setup("fit")
    before = assembly.module.evaluate(assembly.data.val_dataloader()).tasks
    after = result.metrics["val"].tasks
    gains = {name: float(before[name]["loss"]) - float(after[name]["loss"]) for name in result.tasks}  # type: ignore[arg-type]
    assert all(gain > -1e-6 for gain in gains.values())
    assert result.selection.by_task.keys() == {name for name, gain in gains.items() if gain > 1e-6} != set()


def test_killed_in_the_second_training_comes_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(config(tmp_path / "whole"))
    with monkeypatch.context() as patch:

        def stop(_: Any, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

        patch.setattr(FrozenStatistics, "on_train_epoch_end", stop)
        with pytest.raises(SystemExit) as ended:
            train(config(tmp_path / "parts"))
    assert ended.value.code == EXIT_INTERRUPTED
    torch.rand(7)  # whatever happens in between
    resumed = resume(Path(capsys.readouterr().err.strip().rpartition("resume=")[2]))
    assert whole is not None
    assert resumed is not None
    assert resumed.metrics == whole.metrics
    assert (resumed.steps, resumed.epochs, resumed.selection) == (whole.steps, whole.epochs, whole.selection)


@pytest.mark.parametrize("name", ["start.ckpt", "best.ckpt", "last.ckpt"])
def test_a_damaged_checkpoint_of_the_second_training_is_not_gone_on_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bit of a weight: going on refuses in one line, and the same command trains anew to the same numbers."""
    whole = train(config(tmp_path / "whole", "epochs=2"))
    with monkeypatch.context() as patch:

        def stop(_: Any, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 1:
                raise KeyboardInterrupt

        patch.setattr(FrozenStatistics, "on_train_epoch_end", stop)
        with pytest.raises(SystemExit):
            train(config(tmp_path / "parts", "epochs=2"))
    run = Path(capsys.readouterr().err.strip().rpartition("resume=")[2])
    damaged = bytearray((run / "heads" / name).read_bytes())
    damaged[len(damaged) // 2] ^= 0x40
    (run / "heads" / name).write_bytes(damaged)
    with pytest.raises(InputError, match=f"heads/{name}' is damaged"):
        resume(run)
    again = train(config(tmp_path / "parts", "epochs=2"))
    assert whole is not None
    assert again is not None
    assert Path(again.directory).name == f"{run.name}-2"
    assert again.metrics == whole.metrics


def test_heads_are_trained_at_the_rate_that_was_found(tmp_path: Path) -> None:
    found = ("callbacks=lr_finder", "callbacks.lr_finder.steps=20", "epochs=2")
    result = train(config(tmp_path, *found))
    assert result is not None
    run = Run(Path(result.directory))
    rates = [
        [group["initial_lr"] for group in read_checkpoint(last)["optimizer_states"][0]["param_groups"]]
        for last in (run.last, run.heads.last)
    ]
    assert rates[0][0] != run.config.optimizer["lr"]
    assert rates[1] == [rates[0][0]] * 3


def test_heads_are_averaged_where_the_first_training_is(tmp_path: Path) -> None:
    result = train(config(tmp_path, "callbacks=ema", "epochs=2", "patience=null"))
    assert result is not None
    run = Run(Path(result.directory))
    assert all(OWN in read_checkpoint(last) for last in (run.last, run.heads.last))


def test_nothing_happens_where_nothing_is_shared(tmp_path: Path) -> None:
    plain = train(tiny(tmp_path / "plain", "model=single_task", "weighting=equal"))
    result = train(tiny(tmp_path / "finished", "model=single_task", "weighting=equal", "finish_heads=true"))
    assert plain is not None
    assert result is not None
    assert result.metrics == plain.metrics
    assert result.steps == plain.steps
    assert not Run(Path(result.directory)).heads.path.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    {
        "relations.depends_on={task2: [task0]}": "'task2' sees the prediction of 'task0'",
        "hardware.devices=2": "takes one process",
    }.items(),
)
def test_what_cannot_be_finished_is_refused_before_there_is_a_directory(
    options: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        train(config(tmp_path, options))
    assert not list(tmp_path.glob("runs/**/config.yaml"))


def test_acting_and_losses_do_not_both_choose(tmp_path: Path) -> None:
    acting = configure("task=scheduling", "selection=acting", "improve=none", "finish_heads=true", f"output={tmp_path}")
    with pytest.raises(InputError, match="use selection=score"):
        train(acting)
