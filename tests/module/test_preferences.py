"""Preferences of a training: one for each optimizer step, the same for the network and the weighting."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import load_trained
from mtl.module.preferences import Preferences
from mtl.runs.directory import Run
from mtl.sharing.palora import PaLoRA
from mtl.weighting.cosmos import COSMOS
from mtl.weighting.equal import Equal
from mtl.weighting.samo import SAMO
from tests.sharing.strategies import build as strategy
from tests.support import tiny
from tests.trained import resume, train_with

COSINE = ("model=palora", "weighting=cosmos", "weighting.mu=0")


def test_network_and_weighting_have_the_same_preference_and_another_one_in_every_step() -> None:
    sharing = strategy("palora", "mlp", "flat").train()
    assert isinstance(sharing, PaLoRA)
    weighting = SAMO(3, partial(COSMOS, mu=0.0))  # also one within another
    preferences = Preferences(sharing, weighting)
    seen = []
    for _ in range(3):
        preferences.draw(sharing, weighting)
        (option,) = weighting.preferences
        assert torch.equal(sharing.preference, option.values)
        seen.append(tuple(sharing.preference.tolist()))
        assert sum(seen[-1]) == pytest.approx(1)
    assert len(set(seen)) == 3
    assert torch.equal(sharing.eval().preference, torch.full((3,), 1 / 3)), "validation is by all tasks alike"


def test_the_mean_preference_is_the_uniform_one_and_its_spread_that_of_dirichlet() -> None:
    """Of ``Dirichlet(a, ..., a)`` over K: variance ``(K - 1) / (K^2 (K a + 1))``."""
    for concentration in (0.5, 1.0, 4.0):
        sharing = strategy("palora", "mlp", "flat", concentration=concentration)
        assert isinstance(sharing, PaLoRA)
        weighting = COSMOS(3)
        preferences, drawn = Preferences(sharing, weighting), []
        for _ in range(2000):
            preferences.draw(sharing, weighting)
            drawn.append(sharing.drawn.clone())
        found = torch.stack(drawn)
        torch.testing.assert_close(found.mean(0), torch.full((3,), 1 / 3), atol=0.03, rtol=0)
        torch.testing.assert_close(found.var(0), torch.full((3,), 2 / (9 * (3 * concentration + 1))), atol=0.01, rtol=0)


def test_a_weighting_without_a_preference_is_refused() -> None:
    with pytest.raises(InputError, match="PaLoRA learns all preferences among the tasks, and Equal takes none"):
        Preferences(strategy("palora", "mlp", "flat"), Equal(3))


def test_a_weighting_that_is_to_keep_its_preference_is_refused() -> None:
    with pytest.raises(InputError, match=r"weighting.preference: PaLoRA learns all preferences"):
        Preferences(strategy("palora", "mlp", "flat"), COSMOS(3, preference=[1, 1, 1]))


def test_of_one_network_for_one_trade_off_nothing_is_drawn() -> None:
    sharing, weighting = strategy("hard", "mlp", "flat"), COSMOS(3, preference=[1, 2, 3])
    Preferences(sharing, weighting).draw(sharing, weighting)
    assert weighting.preferences[0].values.tolist() == [1, 2, 3]


@pytest.mark.parametrize("changes", [["grouping=[[task0,task1]]"], ["grouping=auto"]])
def test_groups_are_refused(changes: list[str]) -> None:
    with pytest.raises(InputError, match="grouping: model=palora goes by a preference among all tasks"):
        build(configure("task=synthetic", "task.rows=50", *COSINE, *changes))


class Stop(Callback):
    """Interrupts the training in the middle of its second epoch."""

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 1 and batch_idx == 1:
            raise KeyboardInterrupt


@pytest.mark.smoke
def test_a_run_of_all_trade_offs(tmp_path: Path) -> None:
    """It resumes bit for bit, leaves a table of what it reaches, and predicts by the preference that is chosen."""
    overrides = (*COSINE, "epochs=3")
    whole = train(tiny(tmp_path / "whole", *overrides))
    with pytest.raises(SystemExit):
        train_with(tiny(tmp_path / "parts", *overrides), Stop())
    (stopped,) = (path.parent for path in (tmp_path / "parts").rglob("config.yaml"))
    assert whole is not None
    assert resume(stopped).metrics == whole.metrics
    run = Run.open(whole.directory)
    names = list(whole.tasks)
    lines = [line.split(",") for line in (run.path / "front.csv").read_text().splitlines()]
    assert (run.path / "front.png").is_file()
    assert len(lines) == 1 + 22
    by_name = dict(zip(lines[0], lines[1], strict=True))  # of all tasks alike, as the result is
    for name in names:
        assert float(by_name[f"preference/{name}"]) == pytest.approx(1 / len(names), abs=1e-5)
        measured = whole.metrics["test"].tasks[name]["loss"]
        assert float(by_name[f"test/{name}/loss"]) == pytest.approx(measured, rel=1e-4)
    trained = load_trained(run)
    trained.data.setup("fit")
    last = dict(zip(lines[0], lines[-1], strict=True))
    trained.choose({names[-1]: 1.0, **dict.fromkeys(names[:-1], 0.0)})
    found = trained.evaluate(trained.data.measured("val")).tasks
    for name in names:
        assert found[name]["loss"] == pytest.approx(float(last[f"val/{name}/loss"]), rel=1e-4)
    with pytest.raises(InputError, match="unknown task in preference 'other'"):
        trained.choose({"other": 1.0})


@pytest.mark.smoke
def test_a_run_of_one_trade_off_is_told_no_preference(tmp_path: Path) -> None:
    result = train(tiny(tmp_path, "model=hard", "weighting=equal"))
    assert result is not None
    assert not (Path(result.directory) / "front.csv").exists()
    with pytest.raises(InputError, match="preference: model=hard has one trade-off"):
        load_trained(Run.open(result.directory)).choose([1.0])
