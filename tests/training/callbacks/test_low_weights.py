"""A task that a weighting leaves out is named once; what is as it should be is not."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback
from torch import Tensor

from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.training.callbacks import LowWeights
from mtl.weighting.base import LossWeighting, Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.fixed import Fixed
from mtl.weighting.gradnorm import GradNorm
from mtl.weighting.log_sum import LogSum
from tests.support import EXIT_INTERRUPTED, fit, module_of, rows, tiny
from tests.trained import resume, train_with


class Constant(LossWeighting):
    """Weights that no person has chosen."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__(len(weights))
        self.given = torch.tensor(weights)

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return (self.given[tasks] * losses).sum()


def notes(weighting: Weighting, epochs: int = 3, missing: float = 0.0, accumulate: int = 1) -> list[str]:
    """What is said of a training on three tasks, of which the first has losses nine times as large."""
    callback, data = LowWeights(), rows(missing=missing)
    fit(data, module_of(data, weighting), batch_size=20, epochs=epochs, callbacks=[callback], accumulate=accumulate)
    return callback.notes


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_a_low_weight_is_said_once(missing: float, accumulate: int, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line on the standard error: task, weighting, epoch, what to try."""
    found = notes(Constant([1.0, 0.001, 1.0]), missing=missing, accumulate=accumulate)
    assert found == [
        "Constant: the weight of task 't1' stayed below 1% of the mean weight in epoch 1, so it is hardly learned: "
        "compare with weighting=equal, and with weighting.normalise=loss_scale"
    ]
    assert capsys.readouterr().err == found[0] + "\n"


def test_every_such_task_is_named() -> None:
    """Negative weights count by their size."""
    assert [note.split("'")[1] for note in notes(Constant([1.0, -0.001, 0.0]))] == ["t1", "t2"]


class Late(Constant):
    """The second task is left out from the second epoch on."""

    def on_epoch_end(self, losses: Tensor) -> None:
        self.given[1] = 0.0


def test_the_epoch_is_the_first_one_in_which_it_was_low() -> None:
    """Counted from 0, as everywhere."""
    (note,) = notes(Late([1.0, 1.0, 1.0]))
    assert "task 't1'" in note
    assert "in epoch 2," in note


HEALTHY: dict[str, Callable[[], Weighting]] = {
    "equal": partial(Equal, 3),
    "nearly low": lambda: Constant([1.0, 0.02, 1.0]),
    "chosen by a person": partial(Fixed, 3, weights=[1.0, 0.0, 1.0]),
    "gradnorm": partial(GradNorm, 3),
    "nothing at all": lambda: Constant([0.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("make", HEALTHY.values(), ids=HEALTHY)
def test_nothing_is_said_of_a_healthy_run(make: Callable[[], Weighting], capsys: pytest.CaptureFixture[str]) -> None:
    """Nor of weights that a person has given."""
    assert notes(make()) == []
    assert capsys.readouterr().err == ""


def test_a_large_unit_is_no_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """A loss 10,000 times as large gets a weight that much smaller of a method that only divides by the size."""
    callback, data = LowWeights(), rows()
    data.given.targets["t1"].mul_(1000)
    fit(data, module_of(data, LogSum(3)), batch_size=20, epochs=3, callbacks=[callback])
    assert callback.notes == []
    # The same weights on losses of one size are a reason
    assert len(notes(Constant([1.0, 1e-6, 1.0]))) == 1


class Stop(Callback):
    """Ctrl-C in the middle of the second epoch."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_the_result_keeps_it_and_a_resumed_run_does_not_repeat_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights of GradNorm that fall by a factor of a million a step, for a task that learns faster."""
    options = ("weighting=gradnorm", "weighting.alpha=30", "weighting.lr=14", "model=hard", "epochs=4", "log_every=3")
    options += ("encoder.widths=[8]",)  # with which one task is ahead for a whole epoch
    whole = train(tiny(tmp_path / "whole", *options))
    assert whole is not None
    assert whole.notes
    assert all("GradNorm: the weight of task 'task" in note for note in whole.notes)
    assert all(note.endswith("try a smaller weighting.alpha, or weighting=equal") for note in whole.notes)
    assert capsys.readouterr().err == "".join(note + "\n" for note in whole.notes)
    with pytest.raises(SystemExit) as stop:
        train_with(tiny(tmp_path / "parts", *options), Stop())
    assert stop.value.code == EXIT_INTERRUPTED
    (run,) = (tmp_path / "parts").glob("runs/*/*/*")
    before = capsys.readouterr().err.count("GradNorm: ")
    resumed = resume(run)
    assert resumed.notes == whole.notes == Run.open(run).result.notes
    assert before + capsys.readouterr().err.count("GradNorm: ") == len(whole.notes)
