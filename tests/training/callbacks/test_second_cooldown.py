"""With ``second_cooldown`` the learning rate falls twice from the same state, the second time without dropout."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.optim import Optimizer

from mtl.config.run_config import RunConfig
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.training.callbacks import Patience
from mtl.training.dropout import DropoutSwitch, groups_of
from tests.support import EXIT_INTERRUPTED, tiny
from tests.trained import resume, train_with

SHARE = 0.3
# So few and noisy rows that validation soon gets worse, of each task at another time
OVERFITTING = ("task.rows=60", "task.noise=3", "batch_size=20", "optimizer.lr=0.03", "encoder.widths=[16]")


def config(output: Path, *options: str) -> RunConfig:
    usual = ("weighting=equal", "patience=2", "epochs=80", "second_cooldown=true", f"encoder.dropout={SHARE}")
    return tiny(output, *usual, *OVERFITTING, *options)


class Course(Callback):
    """In every step, by parameter group: the share that is left out, that of the learning rate, and the parameters."""

    def __init__(self) -> None:
        self.steps: list[list[tuple[float, float, torch.Tensor]]] = []

    def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Optimizer) -> None:
        shares = {group: part.p for part, group in groups_of(module).items()}
        self.steps.append(
            [
                (shares[number], group["lr"] / group["initial_lr"], torch.cat([p.flatten() for p in group["params"]]))
                for number, group in enumerate(optimizer.param_groups)
            ]
        )


@pytest.mark.parametrize("model", ["hard", "single_task"])
def test_the_rate_falls_once_more_from_the_same_state_without_dropout(model: str, tmp_path: Path) -> None:
    course = Course()
    assert train_with(config(tmp_path, f"model={model}"), course) is not None
    groups = list(zip(*course.steps, strict=True))
    assert len(groups) == (1 if model == "hard" else 3)
    for steps in groups:
        shares, rates, values = zip(*steps, strict=True)
        first, second = next(i for i, rate in enumerate(rates) if rate < 1) - 1, shares.index(0.0)
        assert shares == (SHARE,) * second + (0.0,) * (len(shares) - second)
        assert torch.equal(values[first], values[second])
        length = second - first
        assert rates[first:second] == rates[second : second + length]
        assert rates[second] == 1


def test_what_the_first_cooldown_reached_is_kept_where_the_second_reaches_less(tmp_path: Path) -> None:
    """Also where its last epoch is the best, after which the network goes back at once."""

    class Spoilt(Callback):
        ended = 0  # epochs when the second cooldown begins

        @torch.no_grad()
        def on_train_batch_end(self, trainer: Trainer, module: Any, *_: Any) -> None:
            if all(part.p == 0 for part in groups_of(module)):
                self.ended = self.ended or trainer.current_epoch
                for parameter in module.network.parameters():
                    parameter.zero_()

    spoilt = Spoilt()
    result = train_with(config(tmp_path, "model=hard", "task.noise=0.1", "task.rows=300", "optimizer.lr=0.1"), spoilt)
    assert result is not None
    checkpoint = read_checkpoint(Path(result.directory) / "best.ckpt")
    assert result.selection.epoch == spoilt.ended - 1
    assert result.metrics["val"].score == pytest.approx(checkpoint["callbacks"]["Checkpoints"]["value"], rel=1e-5)


def test_the_network_has_its_dropout_again_when_training_is_over(tmp_path: Path) -> None:
    class Last(Callback):
        def on_fit_end(self, trainer: Trainer, module: Any) -> None:
            assert [part.p for part in module.modules() if isinstance(part, nn.Dropout)] == [SHARE]

    assert train_with(config(tmp_path, "model=hard"), Last()) is not None


def test_what_has_no_dropout_cools_down_once(tmp_path: Path) -> None:
    options = ("model=hard", "encoder.dropout=0")
    results = [train(config(tmp_path / asked, *options, f"second_cooldown={asked}")) for asked in ("true", "false")]
    first, second = (one.metrics["test"] if one is not None else None for one in results)
    assert first == second is not None
    notes = [[note for note in one.notes if "second_cooldown" in note] for one in results if one is not None]
    assert notes == [["second_cooldown=true changes nothing: it leaves out dropout, and the network has none"], []]


@pytest.mark.parametrize(
    ("option", "why"), [("patience=null", "patience=null begins none"), ("scheduler=none", "has no cooldown")]
)
def test_why_there_is_no_second_cooldown_is_said(tmp_path: Path, option: str, why: str) -> None:
    result = train(config(tmp_path, "model=hard", "epochs=2", option))
    assert result is not None
    assert [note for note in result.notes if why in note]


def test_killed_in_the_second_cooldown_comes_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(config(tmp_path / "whole", "model=hard"))
    with monkeypatch.context() as patch:

        def stop(patience: Patience, trainer: Any, module: Any) -> None:
            if patience.parts[""].again:
                raise KeyboardInterrupt

        patch.setattr(Patience, "on_train_epoch_end", stop)
        with pytest.raises(SystemExit) as ended:
            train(config(tmp_path / "parts", "model=hard"))
    assert ended.value.code == EXIT_INTERRUPTED
    (run,) = (tmp_path / "parts").glob("runs/*/*/*")
    parts = resume(run)
    assert whole is not None
    assert parts.steps == whole.steps
    states = [read_checkpoint(Path(one.directory) / "best.ckpt")["state_dict"] for one in (whole, parts)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_dropout_is_of_the_task_that_owns_all_around_it() -> None:
    """By hand; one of several tasks, or of none, goes with the first group."""
    parts = {
        task: nn.Sequential(nn.Linear(2, 2), nn.Dropout(share), nn.ModuleList([nn.ReLU(), nn.Dropout(0.0)]))
        for task, share in (("a", 0.0), ("b", 0.2), ("c", 0.3))
    }
    network = nn.ModuleDict(
        {**parts, "input": nn.Dropout(0.4), "unowned": nn.Sequential(nn.Linear(1, 1), nn.Dropout())}
    )
    owned: Any = SimpleNamespace(private_lists=[list(part.parameters()) for part in parts.values()])
    module: Any = SimpleNamespace(network=network, nothing_shared=True, partition=owned)
    every = [part for part in network.modules() if isinstance(part, nn.Dropout)]
    found = groups_of(module)
    assert [found[part] for part in every] == [0, 0, 1, 1, 2, 2, 0, 0]
    assert set(groups_of(SimpleNamespace(network=network, nothing_shared=False)).values()) == {0}  # type: ignore[arg-type]
    switch = DropoutSwitch(module)
    assert [switch.there_is(group) for group in range(4)] == [True, True, True, False]
    del network["input"], network["unowned"]
    assert [DropoutSwitch(module).there_is(group) for group in range(3)] == [False, True, True]

    def shares() -> list[float]:
        return [part.p for part in every]

    before = shares()
    switch.set(1, on=False)
    assert shares() == [0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.4, 0.5]
    switch.set(0, on=False)
    switch.set(1, on=True)
    assert shares() == [0.0, 0.0, 0.2, 0.0, 0.3, 0.0, 0.0, 0.0]
    switch.restore()
    assert shares() == before
