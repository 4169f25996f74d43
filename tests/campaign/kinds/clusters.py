"""What batch systems do: several tasks of one step, requeued jobs, time limits, processes that train together."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import psutil

from tests.campaign.checks import check_said, require
from tests.campaign.child import Child, Ended, start
from tests.campaign.commands import ROOT, train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.kinds.kills import LIMIT, WORDS, finished_runs
from tests.campaign.templates import SYNTHETIC, Templates, run_in

JOB: dict[str, str | None] = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "job", "SLURM_NODEID": "0"}
# Of a job that a batch system has started: one task on one node
BATCH = {**JOB, "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
TWO_PROCESSES = (*SYNTHETIC, "model=hard", "hardware=ddp_cpu", "epochs=100000", "steps=null", "patience=null")
TOLD = 30  # seconds in which a machine ends that has lost the other, before it is told to
ENDS = 180  # seconds until all processes of a training have ended, on a machine that others share


def start_cold(place: Path, templates: Templates, *words: str) -> "subprocess.Popen[str]":
    """``train.py`` in an interpreter of its own, which leads a session."""
    environment = {**os.environ, **{key: text for key, text in templates.environment().items() if text is not None}}
    # A campaign that was started in the background ignores Ctrl-C, and what is ignored stays so in a new program
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *words],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for_checkpoint(place: Path) -> None:
    """Wait until a run has one. Failed if that takes too long."""
    limit = time.monotonic() + LIMIT
    while not list(place.glob("outputs/runs/*/*/*/last.ckpt")):
        require("hang", time.monotonic() < limit, f"no checkpoint after {LIMIT} s")
        time.sleep(0.05)


def tasks(draw: Random, place: Path, templates: Templates) -> None:
    """``srun`` starts the command two times in one step: no run is trained twice."""
    names = draw.choice((("SLURM_NTASKS",), ("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE")))
    hardware = draw.choice(((), ("hardware=ddp_cpu",)))
    children = []
    for rank in ("0", "1"):
        step = {**JOB, **dict.fromkeys(names, "2"), "SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_STEP_ID": "0"}
        children.append(
            start(
                partial(train_py, *WORDS[:-1], *hardware, f"output={place / 'outputs'}"),
                place / rank,
                {**templates.environment(), **step},
            )
        )
    for child in children:
        check_said(child.wait(LIMIT), child.place, (0, 2))
    require("doubled", len(finished_runs(place / "outputs")) <= 1, finished_runs(place / "outputs"))


def interactive(draw: Random, place: Path, templates: Templates) -> None:
    """Variables of a job in which the command is typed, not started by ``srun``."""
    step = {**JOB, "SLURM_NTASKS": draw.choice("128"), "SLURM_JOB_NAME": draw.choice(("bash", "interactive", "job"))}
    if draw.random() < 0.5:
        step |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    ended = start(partial(train_py, *WORDS), place, {**templates.environment(), **step}).wait(LIMIT)
    check_said(ended, place, (0, 2))
    require("lost", ended.code == 2 or len(finished_runs(place / "outputs")) == 1, ended.err)


def requeued(draw: Random, place: Path, templates: Templates) -> None:
    """A job of submitit's local executor is preempted, requeued, and goes on with the same run."""
    words = [*SYNTHETIC, "model=hard", "epochs=60", "patience=null", f"output={place / 'outputs'}"]
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=60", "hydra.launcher.cpus_per_task=1"]
    process = start_cold(place, templates, "-m", *words, *launcher)
    try:
        wait_for_checkpoint(place)
        time.sleep(draw.uniform(0, 0.3))
        for one in psutil.Process(process.pid).children(recursive=True):
            if "submitit.core._submit" in " ".join(one.cmdline()) and not one.children():
                one.send_signal(signal.SIGUSR2)
        out, err = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    check_said(Ended(process.returncode, out, err, 0.0), place, (0,))
    done = finished_runs(place / "outputs")
    require("doubled", len(done) == 1 and len(list(done[0].path.parent.iterdir())) == 1, [str(x.path) for x in done])
    require("different", done[0].result.epochs == 60, done[0].result.epochs)


def time_limit(draw: Random, place: Path, templates: Templates) -> None:
    """A run that may train for a second ends with a checkpoint, as often as it is started, until it is done."""
    words = (*WORDS, "+hardware.max_time=00:00:00:01", "epochs=8")
    for _ in range(60):
        ended = start(partial(train_py, *words), place, templates.environment()).wait(LIMIT)
        check_said(ended, place, (0, 124))
        if ended.code == 0:
            break
    done = finished_runs(place / "outputs")
    require("lost", len(done) == 1, "it comes to no end")
    check_same_as_calm(done[0], run_in(templates.synthetic / "outputs"))


def processes(draw: Random, place: Path, templates: Templates) -> float:
    """Of two processes that train together some get a signal: both end, in one line, with a checkpoint."""
    process = start_cold(place, templates, *TWO_PROCESSES, f"output={place / 'outputs'}")
    try:
        wait_for_checkpoint(place)
        time.sleep(draw.uniform(0, 2))
        second = next(one for one in psutil.Process(process.pid).children() if "train.py" in " ".join(one.cmdline()))
        how = draw.choice((signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGKILL))
        victims = draw.choice(("first", "second", "both")) if how != signal.SIGKILL else "second"
        sent = time.monotonic()
        if victims in ("first", "both"):
            process.send_signal(how)
        if victims in ("second", "both"):
            time.sleep(draw.uniform(0, 0.3))
            second.send_signal(how)
        _, err = process.communicate(timeout=ENDS)
        gone, alive = psutil.wait_procs([second], timeout=ENDS)
        ending = time.monotonic() - sent
        require("hang", not alive, f"the second process lives: {gone}")
    except subprocess.TimeoutExpired:
        raise AssertionError("hang") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    check_said(Ended(process.returncode, "", err, 0.0), place, (2, 128 + how))
    require("lines", len(err.splitlines()) == 1 and "resume=" in err, err)
    return ending


def machines(draw: Random, place: Path, templates: Templates) -> float:
    """Two machines that train one run, here two commands that meet by the network; returns the longest end.

    One or both get a signal. Where one alone does, the batch system tells the other a little later. Then both start
    anew, and come to one result.
    """
    words = (*WORDS[:-1], "hardware=ddp_cpu", "hardware.devices=1", "+hardware.num_nodes=2", f"output={place / 'all'}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        job: dict[str, str | None] = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1] - 1)}

    def both() -> list[Child]:
        variables = ({**templates.environment(), **job, "NODE_RANK": rank} for rank in "01")
        return [start(partial(train_py, *words), place / one["NODE_RANK"], one) for one in variables]

    children, how = both(), draw.choice((signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGKILL))
    time.sleep(draw.uniform(0, 2 * templates.seconds))
    victims = draw.choice(((0,), (1,), (0, 1)))
    for number in victims:
        children[number].send(how)
    limit = time.monotonic() + TOLD
    while not all(child.ended() for child in children) and time.monotonic() < limit:
        time.sleep(0.05)
    for child in children:
        child.send(signal.SIGTERM)
    said = [child.wait(ENDS) for child in children]
    for child, ended in zip(children, said, strict=True):
        check_said(ended, child.place, (0, 2, 128 + how, -how, 128 + signal.SIGTERM, -signal.SIGTERM))
        # Before the last line, that it goes on with a run, and for what it waits
        require("lines", len(ended.err.splitlines()) <= 3, ended.err)
    if not finished_runs(place / "all"):
        for child in both():
            check_said(child.wait(LIMIT), child.place, (0,))
    runs = list((place / "all").glob("runs/*/*/*"))
    require("doubled", len(runs) == 1, runs)
    require("lost", finished_runs(place / "all"), "no run has a result")
    require("different", finished_runs(place / "all")[0].result.epochs == 8, "it has not trained for 8 epochs")
    return max(ended.ending for ended in said)


SITUATIONS = (tasks, interactive, requeued, time_limit, processes)
