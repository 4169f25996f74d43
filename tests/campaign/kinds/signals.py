"""Every signal that asks for the end, at random moments and in each phase: one line, in time, and the run goes on."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pytorch_lightning import Callback, Trainer

from mtl.config.compose import configure
from mtl.runs.directory import Run
from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import start
from tests.campaign.commands import execute_py, report_py, train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.kinds.kills import LIMIT, WORDS, finished_runs
from tests.campaign.templates import SCHEDULING, SYNTHETIC, Templates, run_in
from tests.trained import train_with

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
IN_TIME = 10  # seconds from a signal to the end, on a machine that has nothing else to do
BUSY = 12  # times as long on one that others share
SENT = Path("sent")  # where a training that sends a signal to itself notes when
SLOW_TREES = ("model=trees", "model.num_iterations=100000", "progress=false")
HOOKS = (
    *("on_fit_start", "on_train_start", "on_train_epoch_start", "on_train_batch_start", "on_train_batch_end"),
    *("on_validation_start", "on_validation_batch_end", "on_validation_end", "on_train_epoch_end", "on_train_end"),
    *("on_save_checkpoint", "on_before_backward", "on_before_optimizer_step", "on_fit_end"),
)


class SendAt(Callback):
    """Sends a signal to its process in one hook, the first time from some epoch on."""

    def __init__(self, hook: str, epoch: int, signum: int) -> None:
        self.epoch, self.signum = epoch, signum
        setattr(self, hook, self.send)

    def send(self, trainer: Trainer, *_: Any) -> None:
        if trainer.current_epoch >= self.epoch:
            self.epoch = 10**9
            SENT.write_text(str(time.monotonic()))  # the same clock in every process
            os.kill(os.getpid(), self.signum)


def check_interrupted(place: Path, err: str, output: Path) -> None:
    """Check what an interrupted training leaves, and that it said one line."""
    require("lines", len(err.splitlines()) <= 2, err)  # of a run that went on, the line that says so comes first
    for path in output.glob("runs/*/*/*/config.yaml"):
        state = Run(path.parent).state  # done, where it came while the result was printed
        require("code", state in ("interrupted", "done"), f"{path.parent} is {state}")
    check_whole(output)


def train_at_hook(draw: Random, signum: int, place: Path, templates: Templates) -> float:
    """A training that gets the signal in one hook; returns the seconds until it ended."""
    callback = SendAt(draw.choice(HOOKS), draw.choice((0, 0, 1, 4, 7)), signum)
    config = configure(*WORDS)
    child = start(lambda: train_with(config, callback), place, templates.environment())
    ended = child.wait(LIMIT)
    check_said(ended, place, (0, 128 + signum))
    if not ended.code:  # the hook was never called in such an epoch, or only when all was done
        return 0.0
    check_interrupted(place, ended.err, place / "outputs")
    return child.began + ended.seconds - float((place / SENT).read_text())


def train_at_moment(draw: Random, signum: int, place: Path, templates: Templates) -> float:
    """A training that gets it, or two, at some moment; returns the seconds until it ended."""
    child = start(partial(train_py, *WORDS), place, templates.environment())
    time.sleep(draw.uniform(0, templates.seconds))
    child.send(signum)
    if draw.random() < 0.3:
        time.sleep(draw.uniform(0, 0.2))
        child.send(draw.choice((signum, signal.SIGTERM)))
    ended = child.wait(IN_TIME * BUSY)
    check_said(ended, place, (0, 128 + signum, 128 + signal.SIGTERM, -signum, -signal.SIGTERM))
    if ended.code is not None and ended.code > 0:
        check_interrupted(place, ended.err, place / "outputs")
    return ended.ending


def check_goes_on(place: Path, templates: Templates) -> None:
    """Check that the same command comes to the numbers of a run that nothing disturbed."""
    output = place / "outputs"
    if not finished_runs(output):
        check_said(start(partial(train_py, *WORDS), place, templates.environment()).wait(LIMIT), place, (0,))
    done = finished_runs(output)
    require("doubled", len(done) == 1, [str(run.path) for run in done])
    check_same_as_calm(done[0], run_in(templates.synthetic / "outputs"))


def other_programs(draw: Random, place: Path, templates: Templates) -> tuple[Callable[[], None], float]:
    """A program that solves, predicts, schedules or reports, and the seconds in which it gets the signal."""
    scheduler = templates.copy(templates.scheduler, place)
    shop = run_in(scheduler).path
    slow = ("instances=ta51", "baselines=[spt]", "gantt=none", "threads=1")
    choices: tuple[tuple[Callable[[], None], float], ...] = (
        (partial(execute_py, f"run={shop}", *slow, "cpsat.seconds=120"), 12),
        (partial(execute_py, f"run={shop}", *slow, "decoder=sample", "decoder.samples=64"), 8),
        (partial(execute_py, f"run={shop}", *slow, "decoder=cpsat", "decoder.seconds=60"), 20),
        (partial(train_py, *SCHEDULING, "epochs=1", "task.instances=40", "task.limit=3", "output=new"), 8),
        (partial(train_py, *SCHEDULING, "epochs=1", "output=new"), 12),
        (partial(train_py, *SYNTHETIC[:3], *SLOW_TREES, "output=new"), 6),
        (partial(train_py, *WORDS, "grouping=auto", "affinity.epochs=200", "output=new"), 6),
        (partial(report_py, str(templates.copy(templates.comparison, place / "reported"))), 2),
    )
    return draw.choice(choices)


def case(draw: Random, place: Path, templates: Templates) -> float:
    """A training or another program gets one of the signals; returns the seconds until it ended."""
    signum = draw.choice(SIGNALS)
    how = draw.random()
    if how < 0.75:
        ending = (train_at_hook if how < 0.35 else train_at_moment)(draw, signum, place, templates)
        check_goes_on(place, templates)
        return ending
    program, seconds = other_programs(draw, place, templates)
    child = start(program, place, {**templates.environment(), "XDG_CACHE_HOME": str(place / "cache")})
    time.sleep(draw.uniform(0, seconds))
    child.send(signum)
    ended = child.wait(IN_TIME * BUSY)
    check_said(ended, place, (0, 128 + signum, -signum))
    said = [line for line in ended.err.splitlines() if "Solving" not in line]
    require("lines", ended.code == 0 or len(said) <= 2, ended.err)
    return ended.ending
