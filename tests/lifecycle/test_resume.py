"""k epochs, a stop, and N - k epochs are N epochs, bit for bit; and what cannot be gone on with says so."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from mtl.assembly import load
from mtl.config.compose import configure
from mtl.config.run_config import SCHEMA, RunConfig
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.nn.encoder import SINGLE
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run
from tests.support import EXIT_INTERRUPTED, tiny
from tests.trained import assert_contributions_are_those_of_the_result, resume, train_with

METHODS = {
    "uncertainty": ["weighting=uncertainty", "model=gated", "model.experts=2"],
    "gradnorm": ["weighting=gradnorm", "model=hard", "task.missing=0.3", "accumulate=2"],
    "auto_lambda": [
        "weighting=auto_lambda",
        "weighting.held_out=0.3",
        "model=hard",
        "task.missing=0.3",
        "accumulate=2",
    ],
}


class CtrlC(Callback):
    """Interrupts the training in the middle of an epoch."""

    def __init__(self, epoch: int, batch: int = 1) -> None:
        self.epoch, self.batch = epoch, batch

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == self.epoch and batch_idx == self.batch:
            raise KeyboardInterrupt


def interrupted(config: RunConfig, epoch: int, capsys: pytest.CaptureFixture[str]) -> Path:
    """The directory of a run that was stopped in this epoch."""
    with pytest.raises(SystemExit) as stop:
        train_with(config, CtrlC(epoch))
    assert stop.value.code == EXIT_INTERRUPTED
    said = capsys.readouterr().err.strip()
    assert said.startswith("interrupted; go on with: python train.py resume=")
    return Path(said.partition("resume=")[2])


def same(a: Any, b: Any) -> bool:
    """Bit for bit, through dictionaries and lists."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a.nan_to_num(nan=-1.0), b.nan_to_num(nan=-1.0))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_resumed_run_equals_the_uninterrupted_one(
    method: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights, optimizer, weighting, scheduler, random state and every number of the result, with dropout on."""
    options = [*method, "epochs=4", "encoder.dropout=0.3", "log_every=3"]
    whole = train(tiny(tmp_path / "whole", *options))
    stopped = interrupted(tiny(tmp_path / "parts", *options), 2, capsys)
    torch.rand(7)  # whatever happens in between
    resumed = resume(stopped)
    assert resumed.directory == str(stopped)
    assert resumed.metrics == whole.metrics
    assert resumed.selection == whole.selection
    ours, theirs = (assert_contributions_are_those_of_the_result(result).tasks for result in (resumed, whole))
    assert all(np.array_equal(ours[name], values, equal_nan=True) for name, values in theirs.items())
    assert (resumed.steps, resumed.epochs, resumed.run_id) == (12, 4, whole.run_id)
    for name in ("best", "last"):
        a, b = (read_checkpoint(Path(result.directory) / f"{name}.ckpt") for result in (whole, resumed))
        del a["callbacks"]["TrainingTimer"], b["callbacks"]["TrainingTimer"]  # seconds differ
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "random_state", "callbacks"):
            assert same(a[part], b[part]), f"{part} of {name}.ckpt"
        assert (a["epoch"], a["global_step"]) == (b["epoch"], b["global_step"])
    assert not (tmp_path / "elsewhere").exists()
    assert Run.open(stopped).state == "done"


PATIENT = ["epochs=200", "patience=3", "task.rows=60", "task.noise=3", "batch_size=20", "optimizer.lr=0.03"]
STEPS = 2  # of an epoch of these


@pytest.mark.parametrize("model", ["hard", "single_task"])
def test_resumed_run_equals_the_uninterrupted_one_in_every_phase(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While validation does not improve, and while the learning rate falls; while it improves: above."""
    options = [*PATIENT, f"model={model}", "weighting=equal", "encoder.dropout=0.3", "weighting.normalise=none"]
    whole = train(tiny(tmp_path / "whole", *options))
    assert whole.epochs < 100
    assert not whole.selection.still_improving
    (schedule,) = read_checkpoint(Path(whole.directory) / "last.ckpt")["lr_schedulers"]
    cooling = max(start for start, _ in schedule["spans"]) // STEPS  # the last epoch in which a rate begins to fall
    phases = set()
    for epoch in (cooling - 1, whole.epochs - 1):
        stopped = interrupted(tiny(tmp_path / str(epoch), *options), epoch, capsys)
        parts = read_checkpoint(stopped / "last.ckpt")["callbacks"]["Patience"].values()
        phases |= {(part["ended_by_patience"], part["waited"] > 0) for part in parts}
        torch.rand(7)
        resumed = resume(stopped)
        assert (resumed.metrics, resumed.selection) == (whole.metrics, whole.selection)
        assert (resumed.steps, resumed.epochs) == (whole.steps, whole.epochs)
        for name in ("best", "last"):
            a, b = (read_checkpoint(Path(result.directory) / f"{name}.ckpt") for result in (whole, resumed))
            del a["callbacks"]["TrainingTimer"], b["callbacks"]["TrainingTimer"]
            for part in ("state_dict", "optimizer_states", "lr_schedulers", "random_state", "callbacks"):
                assert same(a[part], b[part]), f"{part} of {name}.ckpt"
    assert phases >= {(False, True), (True, True)}


def test_a_run_stopped_after_its_last_epoch_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Resuming then only measures and writes the result."""

    class Late(Callback):
        def on_train_end(self, trainer: Trainer, module: Any) -> None:
            raise KeyboardInterrupt

    whole = train(tiny(tmp_path / "whole"))
    with pytest.raises(SystemExit):
        train_with(tiny(tmp_path / "parts"), Late())
    (run,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert Run.open(run).state == "interrupted"
    assert resume(run).metrics == whole.metrics


def test_an_interrupted_run_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its best checkpoint so far loads; it has no result yet."""
    run = interrupted(tiny(tmp_path), 1, capsys)
    assert load(run).module.predict({SINGLE: torch.zeros(2, 6)}).keys() == {"task0", "task1", "task2"}
    assert Run.open(run).state == "interrupted"
    with pytest.raises(InputError, match=r"has no result\.json: its state is 'interrupted'"):
        _ = Run.open(run).result


def test_a_run_goes_on_in_whatever_order_its_tasks_are_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order is none of the training, and so none of the id."""
    run = interrupted(tiny(tmp_path, "tasks=[task0,task1]"), 1, capsys)
    result = train(tiny(tmp_path, "tasks=[task1,task0]"))
    assert result is not None
    assert Path(result.directory) == run
    assert list(result.tasks) == ["task0", "task1"]


def test_stopped_before_the_first_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to go on from, and that is said."""
    with pytest.raises(SystemExit) as stop:
        train_with(tiny(tmp_path), CtrlC(0))
    assert stop.value.code == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "interrupted; no epoch was validated\n"
    (run,) = tmp_path.glob("runs/*/*/*")
    with pytest.raises(InputError, match="the run has not validated an epoch"):
        resume(run)


def test_a_full_disk_is_one_line_and_keeps_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is marked as failed, its last checkpoint is whole, and going on from it ends as if nothing had been."""
    save = Trainer.save_checkpoint

    def full(trainer: Trainer, path: Path, weights_only: bool) -> None:
        if trainer.current_epoch == 1:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(trainer, path, weights_only=weights_only)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "save_checkpoint", full)
        with pytest.raises(InputError, match=r"No space left on device: '.*'; the last good state is in") as error:
            train(tiny(tmp_path / "parts"))
    assert "\n" not in str(error.value)
    (run,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert Run.open(run).state == "failed"
    assert not list(run.glob(".*"))
    whole = train(tiny(tmp_path / "whole"))
    assert resume(run).metrics == whole.metrics


def test_what_cannot_be_resumed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finished run, none, a damaged checkpoint, one of another model, one of weights only, a damaged config."""
    run = interrupted(tiny(tmp_path / "a"), 1, capsys)
    other = train(tiny(tmp_path / "b", "encoder.widths=[9,6]"))

    def refusal(path: Path) -> str:
        with pytest.raises(InputError) as error:
            resume(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    def changed(name: str, content: bytes) -> Path:
        copy = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(run, copy)
        (copy / name).write_bytes(content)
        (copy / "checksums.json").unlink()  # else every one of them is just another file than was written
        return copy

    assert "is complete: its result is in" in refusal(Path(other.directory))
    assert f"no run at '{tmp_path / 'none'}'" in refusal(tmp_path / "none")
    assert "is no run directory: it has no config.yaml" in refusal(tmp_path)
    foreign = Path(other.directory, "last.ckpt").read_bytes()
    assert "is of another model: size mismatch" in refusal(changed("last.ckpt", foreign))
    assert "is of another model: size mismatch" in refusal(changed("best.ckpt", foreign))
    whole = (run / "last.ckpt").read_bytes()
    for content in (b"", b"not a checkpoint", whole[:200], whole[: len(whole) // 2]):
        assert "is damaged" in refusal(changed("last.ckpt", content))
    assert "is damaged" in refusal(changed("config.yaml", b"a: [b"))
    assert f"is of schema 1, and this version reads {SCHEMA}: train it again" in refusal(
        changed("config.yaml", b"a: 1")
    )
    assert "unknown key 'a'" in refusal(changed("config.yaml", f"schema: {SCHEMA}\na: 1".encode()))
    assert "expected a mapping" in refusal(changed("config.yaml", b"- 1"))
    weights = tmp_path / "weights.ckpt"
    torch.save({"state_dict": read_checkpoint(run / "last.ckpt")["state_dict"]}, weights)
    assert "cannot be gone on from: it lacks optimizer_states" in refusal(changed("last.ckpt", weights.read_bytes()))
    torch.save({**read_checkpoint(run / "last.ckpt"), "random_state": 3}, weights)
    assert "cannot be gone on from: it lacks random_state" in refusal(changed("last.ckpt", weights.read_bytes()))
    assert "no run at '3'" in refusal(Path("3"))
    assert "'.' is no run directory" in refusal(Path())
    torch.save({"callable": json.loads}, weights)
    assert "is damaged" in refusal(changed("last.ckpt", weights.read_bytes()))
    assert Run.open(run).state == "interrupted"
    config = run / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("epochs: 2", "epochs: 3"))
    assert config.read_text() != text
    assert "was changed after the training had begun, whose checkpoints are of what it said" in refusal(run)
    config.write_text(f"# mine\n{text}")  # which asks the same
    assert resume(run).epochs == 2


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that has been replaced by another of its name: the same command trains anew, as if nothing had been."""

    def write(seed: int) -> None:
        values = np.random.default_rng(seed).normal(size=(80, 3))
        pd.DataFrame(values, columns=["a", "b", "y"]).to_csv(tmp_path / "my.csv", index=False)

    def config(output: str) -> RunConfig:
        given = [
            "progress=false",
            "model=hard",
            "weighting=equal",
            "epochs=4",
            "batch_size=16",
            "validate_every=1",
            "threads=1",
        ]
        table = [f"task.path={tmp_path / 'my.csv'}", "task.targets={y: regression}"]
        return configure("task=table", *table, *given, "progress=false", "threads=1", f"output={tmp_path / output}")

    write(0)
    with pytest.raises(SystemExit):
        train_with(config("outputs"), CtrlC(1))
    (run,) = tmp_path.glob("outputs/runs/*/*/*")
    write(1)
    with pytest.raises(InputError, match=r"^the data of run '.*' have changed since its training began"):
        resume(run)
    found = train(config("outputs"))
    assert "so it cannot be gone on with: trains anew\n" in capsys.readouterr().err
    assert found.metrics == train(config("elsewhere")).metrics
    assert Run.open(run).state == "interrupted"
    write(0)
    assert resume(run).data.fingerprint != found.data.fingerprint


def test_what_was_said_of_the_data_stays_in_the_result(tmp_path: Path) -> None:
    """Of what the inputs tell, say: the inputs are not fitted anew, so it would not be said again."""
    values = np.random.default_rng(0).normal(size=(80, 3)).round(6)
    frame = pd.DataFrame(values, columns=["a", "b", "y"]).assign(id=range(80), copy=values[:, 2])
    frame.to_csv(tmp_path / "my.csv", index=False)

    def config(output: str) -> RunConfig:
        table = ["task=table", f"task.path={tmp_path / 'my.csv'}", "task.targets={y: regression}", "encoder=tabular"]
        short = ["epochs=2", "batch_size=16", "validate_every=1", "progress=false", "threads=1"]
        return configure(*table, *short, "encoder.widths=[8]", f"output={tmp_path / output}")

    whole = train(config("whole"))
    with pytest.raises(SystemExit):
        train_with(config("parts"), CtrlC(1))
    resumed = train(config("parts"))
    assert any("'copy'" in note for note in whole.notes)
    assert any("'id' is left out" in note for note in whole.notes)
    assert resumed.config.resume is not None
    assert (resumed.notes, resumed.metrics) == (whole.notes, whole.metrics)
