"""Whatever ends a run from outside leaves it so that it can be gone on with; and nobody else's checkpoint is taken."""

import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from pytorch_lightning import Callback, Trainer

from mtl.config.overrides import parse_override
from mtl.config.signals import SIGNALS, Interrupted
from mtl.errors import InputError
from mtl.lifecycle.failures import failures_recorded, how_to_go_on
from mtl.lifecycle.new_run import new_run
from mtl.lifecycle.train import train
from mtl.module.loss_meter import Diverged
from mtl.runs.directory import Run, run_path
from mtl.runs.identity import run_id
from mtl.runs.lock import hold, machine_id
from mtl.training.callbacks import Pruned
from mtl.training.loggers import UNDER_WAY
from mtl.training.loggers.mlflow import RunLogger
from tests.support import TINY, tiny
from tests.trained import resume, train_with

ROOT = Path(__file__).parents[2]
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NAME": "job",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_NODEID": "0",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
}


class Kill(Callback):
    """Sends a signal to this process in the middle of an epoch."""

    def __init__(self, signum: int, hook: str = "on_train_batch_end") -> None:
        self.signum = signum
        setattr(self, hook, self.send)

    def send(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch >= 2:
            os.kill(os.getpid(), self.signum)


@pytest.fixture
def nothing_ignored() -> Iterator[None]:
    """Signals as in a terminal, also where the tests run in the background, which ignores some."""
    before = {one: signal.signal(one, signal.SIG_DFL) for one in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.usefixtures("nothing_ignored")
@pytest.mark.parametrize("signum", SIGNALS, ids=str)
def test_every_signal_ends_a_run_alike(signum: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {one: signal.getsignal(one) for one in SIGNALS}
    with pytest.raises(SystemExit) as stop:
        train_with(tiny(tmp_path, "epochs=4"), Kill(signum))
    (path,) = tmp_path.glob("runs/*/*/*")
    run = Run.open(path)
    assert stop.value.code == 128 + signum
    assert capsys.readouterr().err == f"interrupted; go on with: python train.py resume={path}\n"
    assert (run.state, (path / "lock").exists()) == ("interrupted", False)
    assert {one: signal.getsignal(one) for one in SIGNALS} == before


class Client:
    """Takes what MLflow's client is told of the end of a run."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def get_run(self, run_id: str) -> str:
        return run_id

    def set_terminated(self, run_id: str, status: str) -> None:
        self.ended.append((run_id, status))


@pytest.mark.usefixtures("nothing_ignored")
@pytest.mark.parametrize(
    ("error", "state", "status"),
    [
        (Interrupted(signal.SIGTERM), "interrupted", "KILLED"),
        (KeyboardInterrupt(), "interrupted", "KILLED"),
        (Pruned(), "pruned", "KILLED"),
        (OSError(errno.ENOSPC, "No space left on device"), "failed", "FAILED"),
        (Diverged("the loss"), "failed", "FAILED"),
        (ValueError("of own code"), "failed", "FAILED"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else one,
)
def test_loggers_are_told_how_a_run_ended(
    error: BaseException, state: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it ended: also where Lightning trains no more, or is stopped while it tells them itself."""
    client, logger, run = Client(), RunLogger.__new__(RunLogger), Run(tmp_path / "run")
    run.path.mkdir()
    run.last.touch()
    for name, value in {
        "_initialized": True,
        "experiment": client,
        "run_id": "7",
        "_checkpoint_callback": None,
    }.items():
        monkeypatch.setattr(RunLogger, name, value, raising=False)
    monkeypatch.setitem(UNDER_WAY, run.path.resolve(), [logger])
    logger.finalize("failed")  # as Lightning does, which knows no other status
    assert client.ended == []
    with pytest.raises((SystemExit, InputError, type(error))), failures_recorded(run, first=True):
        raise error
    assert (run.state, client.ended) == (state, [("7", status)])
    assert run.path.resolve() not in UNDER_WAY


def test_a_finished_run_that_a_registry_does_not_take_stays(tmp_path: Path) -> None:
    """One of trees has no checkpoint, and was removed."""
    run = Run(tmp_path / "run")
    run.path.mkdir()
    (run.path / "result.json").touch()
    with pytest.raises(InputError, match="done and not registered"), failures_recorded(run, first=True):
        raise InputError("done and not registered")
    assert run.state == "done"


@pytest.mark.parametrize("hook", ["on_validation_start", "on_train_end"])
def test_at_another_moment_too(hook: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The end is that of a run which nobody stopped."""
    whole = train(tiny(tmp_path / "whole", "epochs=3"))
    with pytest.raises(SystemExit) as stop:
        train_with(tiny(tmp_path / "parts", "epochs=3"), Kill(signal.SIGTERM, hook))
    assert stop.value.code == 128 + signal.SIGTERM
    (path,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert resume(path).metrics == whole.metrics


def test_a_time_limit_ends_a_run_so_that_it_can_be_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As often as the time is over; the id and the numbers are those of a run without a limit."""
    whole = train(tiny(tmp_path / "whole", "epochs=3"))
    limited = tiny(tmp_path / "parts", "epochs=3", "+hardware.max_time=00:00:00:01")
    assert run_id(limited) == whole.run_id

    class Slow(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if trainer.current_epoch == 1:
                time.sleep(1.1)

    with pytest.raises(SystemExit) as stop:
        train_with(limited, Slow())
    assert stop.value.code == 124
    (path,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert capsys.readouterr().err == f"the time limit is reached; go on with: python train.py resume={path}\n"
    assert resume(path, "+hardware.max_time=00:01:00:00").metrics == whole.metrics


def test_a_run_that_ends_between_its_two_checkpoints_comes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best one is that of the last epoch, whichever of the two could not be written any more."""
    whole = train(tiny(tmp_path / "whole", "epochs=3"))
    assert whole.selection.epoch == 2
    copies = []

    def copy(source: Path, target: Path) -> None:
        copies.append(target)
        if len(copies) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        shutil.copyfile(source, target)

    with monkeypatch.context() as full:
        full.setattr("mtl.runs.checksums.shutil", SimpleNamespace(copyfile=copy))
        with pytest.raises(InputError, match=r"No space left on device: '.*'; the last good state is in"):
            train(tiny(tmp_path / "parts", "epochs=3"))
    (path,) = (tmp_path / "parts").glob("runs/*/*/*")
    again = resume(path)
    assert (again.metrics, again.selection) == (whole.metrics, whole.selection)


def test_a_run_that_was_ended_before_its_first_checkpoint_leaves_no_directory_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next one of the same config takes it, unless somebody is at it."""
    config = tiny(tmp_path, "epochs=1")

    class Stop(Callback):
        def on_train_start(self, *_: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        train_with(config, Stop())
    assert capsys.readouterr().err == "interrupted; no epoch was validated\n"
    (path,) = tmp_path.glob("runs/*/*/*")
    (path / "left").mkdir()
    with hold(path), new_run(config) as other:
        assert other.path.name == f"{path.name}-2"
    other.path.rmdir()
    result = train(config)
    assert Path(result.directory) == path
    assert not (path / "left").exists()
    with new_run(config) as other:  # this one is done
        assert other.path.name == f"{path.name}-2"


def test_a_run_that_was_ended_before_it_had_a_config_leaves_no_directory_behind(tmp_path: Path) -> None:
    """An empty directory is left alone, however old it seems: somebody may just have made it, by another clock."""
    config = tiny(tmp_path)
    path = run_path(config)
    path.mkdir(parents=True)
    os.utime(path, (0, 0))
    with new_run(config) as other:
        assert other.path.name == f"{path.name}-2"
    other.path.rmdir()
    dead = {"token": "t", "machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}
    for names in (("lock",), ("fingerprint",), ("lock", "fingerprint", "notes.json", "state", ".1.1.config.yaml")):
        for name in names:
            (path / name).write_text(json.dumps(dead))
        with new_run(config) as taken:
            assert taken.path == path
            assert [one.name for one in path.iterdir()] == ["lock"]
    waits = path / ".lock.0a"  # of somebody who is about to try the lock
    for name in (waits.name, "state"):
        (path / name).write_text("")
    with new_run(config) as taken:
        assert taken.path == path
        assert waits.exists()


@pytest.mark.parametrize("name", ["best.ckpt", "trees.json", "parent.json", "notes.txt", "config.yaml", "tensorboard"])
def test_a_directory_with_anything_else_is_left_alone(name: str, tmp_path: Path) -> None:
    """As where a person has removed its config, or keeps something beside the runs."""
    config = tiny(tmp_path)
    first = run_path(config)
    mine = first.with_name(f"{first.name}-mine")
    for path in (first, mine):
        path.mkdir(parents=True)
        for kept in ("state", name):
            (path / kept).write_text("interrupted\n")
        os.utime(path, (0, 0))
    with new_run(config) as other:
        assert other.path.name == f"{first.name}-2"
    assert all((path / name).read_text() == "interrupted\n" for path in (first, mine))


@pytest.mark.parametrize("name", ["parent.json", "result.json"])
def test_a_run_that_improves_another_or_was_measured_is_not_begun_again(name: str, tmp_path: Path) -> None:
    """Training its config from the beginning has the same id, and the search of an improvement may have taken hours."""
    config = tiny(tmp_path)
    with new_run(config) as run:
        run.config, run.state = config, "interrupted"
    (run.path / name).write_text("{}")
    with new_run(config) as other:
        assert other.path.name == f"{run.path.name}-2"
    (run.path / name).unlink()
    with new_run(config) as again:
        assert again.path == run.path


def test_what_is_ignored_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert train_with(tiny(tmp_path, "epochs=3"), Kill(signal.SIGHUP)) is not None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_under_slurm_a_run_begins_from_its_own_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lightning would write one into the working directory at SIGUSR1, and begin every later run there from it."""
    whole = train(tiny(tmp_path / "whole", "epochs=4"))
    monkeypatch.chdir(tmp_path)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stop:
        train_with(tiny(tmp_path / "parts", "epochs=4"), Kill(signal.SIGUSR1))
    assert stop.value.code == 128 + signal.SIGUSR1
    assert not list(tmp_path.rglob("hpc_ckpt*"))
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"of another run")
    (path,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert resume(path).metrics == whole.metrics
    again = train(tiny(tmp_path / "again", "epochs=4", "grouping=auto", "affinity.epochs=1"))
    assert again.epochs == 4


def test_a_run_is_trained_by_one_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other one is told who does it, and leaves everything as it is."""
    seen = []

    class Look(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            seen.extend(tmp_path.glob("runs/*/*/*/lock"))

    with pytest.raises(SystemExit):
        train_with(tiny(tmp_path, "epochs=4"), Look(), Kill(signal.SIGTERM))
    (path,) = tmp_path.glob("runs/*/*/*")
    assert set(seen) == {path / "lock"}
    assert not (path / "lock").exists()
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with hold(path), pytest.raises(InputError) as error:
        resume(path)
    assert str(error.value).startswith(f"run '{path}' is being trained by process {os.getpid()} on '")
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert resume(path).epochs == 4


def test_the_same_command_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As often as it is interrupted; another run begins where one is finished, failed, or being trained."""
    whole = train(tiny(tmp_path / "whole", "epochs=4"))
    config = tiny(tmp_path / "parts", "epochs=4")
    for _ in range(2):
        with pytest.raises(SystemExit):
            train_with(config, Kill(signal.SIGTERM))
    (path,) = (tmp_path / "parts").glob("runs/*/*/*")
    assert f"goes on with {path}, which was not finished\n" in capsys.readouterr().err
    with hold(path):
        beside = train(config)
    again = train(config)
    assert (again.directory, Path(beside.directory).name) == (str(path), f"{path.name}-2")
    assert again.metrics == beside.metrics == whole.metrics
    assert Path(train(config).directory).name == f"{path.name}-3"


def test_how_a_run_is_gone_on_with_can_be_typed(tmp_path: Path) -> None:
    run = Run(tmp_path / "a {b}, $c" / "运行")
    run.path.mkdir(parents=True)
    run.last.touch()
    *_, word = shlex.split(how_to_go_on(run))
    assert parse_override(word).value() == str(run.path)


def started(output: Path, *words: str) -> subprocess.Popen[str]:
    """A training that has validated an epoch."""
    process = subprocess.Popen(
        [sys.executable, "train.py", *TINY, "model=hard", "epochs=100000", *words, f"output={output}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 120
    while not list(output.glob("runs/*/*/*/last.ckpt")) and time.monotonic() < limit and process.poll() is None:
        time.sleep(0.1)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["all", "second, killed"])
def test_processes_that_train_together_end_together(victim: str, tmp_path: Path) -> None:
    """In one line, and what they trained can be gone on with."""
    process = started(tmp_path, "hardware=ddp_cpu", "steps=null", "patience=null")
    children = psutil.Process(process.pid).children()
    try:
        (second,) = [one for one in children if "train.py" in " ".join(one.cmdline())]
        if victim == "all":
            second.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        if victim == "second, killed":
            second.kill()
        _, err = process.communicate(timeout=120)
        gone, alive = psutil.wait_procs([second], timeout=30)
        assert (len(gone), alive) == (1, [])
    finally:
        for one in children:
            if one.is_running():
                one.kill()
        process.kill()
    (path,) = tmp_path.glob("runs/*/*/*")
    assert err.count("\n") == 1, err
    assert f"python train.py resume={path}" in err
    assert process.returncode == (128 + signal.SIGTERM if victim == "all" else 2)
    assert Run.open(path).state == "interrupted"
