"""A moving average of the weights: what it is, and that a run keeps it."""

from pathlib import Path

import pytest
import torch

from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.module.lightning import EpochCallback
from mtl.runs.directory import Run
from mtl.training.callbacks.moving_average import OWN, MovingAverage, weights_of
from mtl.weighting.equal import Equal
from tests.support import fit, module_of, rows, tiny

NO_GOING_BACK = ("callbacks=ema", "patience=null", "model=hard", "weighting=equal")


def test_the_average_is_that_of_the_formula() -> None:
    """And training itself goes as without it."""
    data, average, seen = rows(), MovingAverage(decay=0.3), []

    class Seen(EpochCallback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
            seen.append({name: value.clone() for name, value in weights_of(module).items()})

    module = module_of(data, Equal(3))
    expected = {name: value.clone() for name, value in weights_of(module).items()}
    fit(data, module, batch_size=10, callbacks=[average, Seen()])
    for step, weights in enumerate(seen, start=1):
        decay = min(0.3, (1 + step) / (10 + step))
        expected = {name: decay * value + (1 - decay) * weights[name] for name, value in expected.items()}
    assert len(seen) == 8
    for name, value in expected.items():
        torch.testing.assert_close(average.average[name], value)
    plain = fit(rows(), module_of(rows(), Equal(3)), batch_size=10)
    for name, value in weights_of(plain).items():
        assert torch.equal(value, weights_of(module)[name])


def test_an_interrupted_average_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    whole, first, second = MovingAverage(0.9), MovingAverage(0.9), MovingAverage(0.9)
    ends = [fit(rows(), module_of(rows(), Equal(3)), batch_size=10, epochs=4, callbacks=[whole])]
    fit(rows(), module_of(rows(), Equal(3)), batch_size=10, callbacks=[first], save=tmp_path / "last.ckpt")
    module, resume = module_of(rows(), Equal(3), seed=1), tmp_path / "last.ckpt"
    ends += [fit(rows(), module, batch_size=10, epochs=4, callbacks=[second], resume=resume)]
    for name, value in weights_of(ends[0]).items():
        assert torch.equal(value, weights_of(ends[1])[name])
        assert torch.equal(whole.average[name], second.average[name])


def test_a_run_keeps_and_measures_the_average(tmp_path: Path) -> None:
    """Its validation loss is that of the checkpoint, whose weights are not those of the training."""
    result = train(tiny(tmp_path, *NO_GOING_BACK, "epochs=4"))
    assert result is not None
    checkpoint = torch.load(Run(Path(result.directory)).best, weights_only=True)
    assert any(not torch.equal(value, checkpoint["state_dict"][name]) for name, value in checkpoint[OWN].items())
    selected = checkpoint["callbacks"]["Checkpoints"]["value"]
    assert result.metrics["val"].score == pytest.approx(selected, rel=1e-5)


def test_the_best_epoch_of_each_task_is_of_averaged_weights(tmp_path: Path) -> None:
    """Where nothing is shared each task keeps what was measured, and not what its training had come to then."""
    options = ("callbacks=ema", "callbacks.ema.decay=0.9", "patience=null", "model=single_task", "weighting=equal")
    result = train(tiny(tmp_path, *options, "epochs=4", "optimizer.lr=0.1"))
    assert result is not None
    last = torch.load(Run(Path(result.directory)).last, weights_only=True)
    measured = last["callbacks"]["BestEpochPerTask"]["losses"]
    assert {task: found["loss"] for task, found in result.metrics["val"].tasks.items()} == pytest.approx(measured)


def test_what_cannot_be_averaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="patience goes back to an earlier state"):
        train(tiny(tmp_path, "callbacks=ema"))
    lightning = "+callbacks.mine._target_=pytorch_lightning.callbacks.EMAWeightAveraging"
    with pytest.raises(InputError, match="use callbacks=ema"):
        train(tiny(tmp_path, lightning, "trust=[pytorch_lightning]"))
