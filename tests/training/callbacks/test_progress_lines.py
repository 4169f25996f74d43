"""What a log file is told of a training."""

import re
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest

from mtl.lifecycle.train import train
from mtl.training import trainer
from mtl.training.callbacks import ProgressLines
from tests.support import tiny


@pytest.mark.parametrize("interval", [0.0, 1000.0])
def test_without_a_terminal_lines_say_where_a_training_is(
    interval: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best value is that of all epochs so far, with the one that the line is about."""
    monkeypatch.setattr(trainer, "ProgressLines", partial(ProgressLines, interval=interval))
    train(tiny(tmp_path, "model=hard", "epochs=4", "patience=null", "progress=true", "optimizer.lr=0.05"))
    text = capsys.readouterr().err
    assert all(sign == "\n" or sign.isprintable() for sign in text)
    lines = [line for line in text.splitlines() if line.startswith("epoch ")]
    assert lines[-1].startswith("epoch 4/4 step 12 ")
    said = [re.search(r"val/score (\S+) \(best (\S+)\)", line) for line in lines]
    values, bests = zip(*([float(text) for text in found.groups()] for found in said if found), strict=True)
    if interval:
        assert [line.partition(" step")[0] for line in lines] == ["epoch 1/4", "epoch 4/4"]
        assert "s left" in lines[0]
    else:
        assert len({line.partition(" step")[0] for line in lines}) == 4
        assert list(bests) == list(accumulate(values, min))
