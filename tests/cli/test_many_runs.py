"""A command that trains many runs says by itself how it is gone on with, whenever it is interrupted."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback
from rich.console import Console

from mtl.cli.many_runs import carry_out_many
from mtl.config.signals import Interrupted
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from tests.support import tiny
from tests.trained import train_with

COMMAND = "mtl tune " + "optimizer.lr=0.1,0.01 " * 20 + "trials=2"


class Stop(Callback):
    """Ends a training in its second epoch, as SIGTERM does."""

    def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == 1:
            raise Interrupted(15)


def between_two_runs() -> int:
    raise Interrupted(15)


def in_the_midst_of_a_library() -> int:
    """Optuna fails at giving a lock back that it was about to take."""
    try:
        raise Interrupted(15)
    finally:
        raise RuntimeError("did not possess lock")


def test_an_interrupted_run_of_many_is_gone_on_with_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, whether a run of this process is interrupted or the command between two of them."""

    config = tiny(tmp_path, "model=hard", "epochs=2")

    def in_a_run() -> int:
        train_with(config, Stop())
        return 0

    for work in (in_a_run, between_two_runs, in_the_midst_of_a_library):
        said = StringIO()
        assert carry_out_many(work, COMMAND, Console(file=said, width=80)) == 128 + 15
        assert said.getvalue() == f"interrupted; the same command goes on from here: {COMMAND}\n"
        assert capsys.readouterr().err == ""
    (path,) = tmp_path.glob("runs/*/*/*")
    assert Run(path).state == "interrupted"
    assert carry_out_many(lambda: int(train(config) is None), COMMAND, Console(file=said)) == 0
    assert capsys.readouterr().err == ""
    assert Run(path).state == "done"


def test_the_exit_code_of_the_work_is_that_of_the_command() -> None:
    said = StringIO()
    assert carry_out_many(lambda: 1, COMMAND, Console(file=said)) == 1
    assert said.getvalue() == ""
