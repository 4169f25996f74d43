"""Every option of every group, found by listing conf/, trains once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from mtl.config.compose import configure
from mtl.config.folders import option_names
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.nn.encoder import SINGLE
from mtl.runs.directory import Run
from mtl.suites.batch import Batch
from tests.sharing.strategies import MODELS, every_model
from tests.support import tiny
from tests.trained import train_with

pytestmark = pytest.mark.smoke
# Several processes have tests of their own, and the suites bring their own data
GROUPS = ("model", "encoder", "weighting", "optimizer", "scheduler", "hardware", "debug", "callbacks")
# Encoders of what a synthetic task does not give: candidates, pictures, words
OTHER_INPUTS = {f"encoder={option}" for option in ("candidate_set", "convolution", "timm", "transformer")}
# Networks that were trained apart are merged in every way below, and every strategy trains in two precisions
ELSEWHERE = {"model=common_start", "model=merged", *(f"model={model}" for model in MODELS)}
GRID = [one for group in GROUPS for one in (f"{group}={name}" for name in option_names(group)) if one not in ELSEWHERE]
MERGES = [option for option in option_names("merge") if option != "none"]


def lacking(choice: str) -> str:
    """The accelerator that an option asks for and this machine does not have."""
    wanted = configure("task=synthetic", choice).hardware.accelerator if choice.startswith("hardware=") else "cpu"
    there = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return "" if there.get(wanted, True) else wanted


def test_a_batch_that_is_overfitted_is_the_same_in_every_epoch(tmp_path: Path) -> None:
    seen = []

    class Look(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Batch, batch_idx: int) -> None:
            seen.append(batch.inputs[SINGLE])

    train_with(tiny(tmp_path, "debug=overfit", "epochs=3", "logger=csv"), Look())
    assert len(seen) == 3
    assert seen[0].equal(seen[1])
    assert seen[0].equal(seen[2])


@pytest.mark.parametrize("choice", GRID)
def test_every_option_trains(choice: str, tmp_path: Path) -> None:
    """One epoch, with a result; or one line that says which encoder this task needs."""
    if lacking(choice):
        pytest.skip(f"{choice} needs the accelerator {lacking(choice)}, which this machine does not have")
    given = [choice, "epochs=1", "logger=tensorboard"]
    if choice == "hardware=ddp_cpu":
        given.append("hardware.strategy=ddp_fork")  # in this process, not by starting train.py again
    if choice == "callbacks=ema":
        given.append("patience=null")
    if choice == "scheduler=cosine":
        given += ["patience=null", "steps=null"]
    if choice.startswith("encoder="):
        config = tiny(tmp_path, "logger=tensorboard").changed(
            encoder=configure("task=synthetic", choice).encoder, epochs=1
        )
    else:
        config = tiny(tmp_path, *given)
    if choice in OTHER_INPUTS:
        with pytest.raises(InputError, match="encoder="):
            train(config)
        assert list(tmp_path.iterdir()) == []
        return
    result = train(config)
    assert result.status == Run.open(result.directory).state == "done"
    assert all(torch.tensor(list(measured.flat().values())).isfinite().all() for measured in result.metrics.values())


@pytest.mark.parametrize("merge", MERGES)
def test_every_way_to_merge_makes_a_network(merge: str, trained_apart: Path) -> None:
    """Of the same networks, of tasks that predict probabilities."""
    few = ["model.merge.steps=20"] if merge == "adamerging" else []
    result = train(tiny(trained_apart, "model=merged", f"merge={merge}", *few, "task.kinds=classes", "epochs=1"))
    assert result.merging is not None
    assert result.metrics["test"].score is not None


@pytest.fixture(scope="module")
def trained_apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of the tests of merging are."""
    return tmp_path_factory.mktemp("apart")


def test_dependent_tasks_train(tmp_path: Path) -> None:
    """A chain of tasks, with and without gradients through it, given as a person types it."""
    for detach in ("true", "false"):
        chain = "relations.depends_on={task1: [task0], task2: [task0, task1]}"
        result = train(tiny(tmp_path, "epochs=1", chain, f"relations.detach={detach}"))
        assert result.config.relations.depends_on["task2"] == ["task0", "task1"]


@every_model
def test_bfloat16_trains(model: str, tmp_path: Path) -> None:
    """Losses, weights and metrics stay in single precision, and the numbers are close to those of single precision."""
    weighting = "cosmos" if model in ("palora", "conditioned") else "equal"  # one that takes a preference
    given = (f"model={model}", f"weighting={weighting}", "epochs=1", "logger=tensorboard")
    half = train(tiny(tmp_path / "half", *given, "hardware.precision=bf16-mixed"))
    single = train(tiny(tmp_path / "single", *given))
    assert half.metrics["val"].score == pytest.approx(single.metrics["val"].score, rel=0.05)
    assert half.metrics != single.metrics
    for result in (half, single):
        assert result.status == Run.open(result.directory).state == "done"
        assert all(torch.tensor(list(one.flat().values())).isfinite().all() for one in result.metrics.values())
