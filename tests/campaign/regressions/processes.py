"""What went wrong once where a run is ended, requeued, started twice, or on a system that is not Linux."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import psutil

from mtl.config import system
from mtl.runs.directory import Run
from mtl.runs.lock import is_running, start_time
from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import Child, start
from tests.campaign.commands import compare_py, execute_py, train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.kinds.clusters import BATCH
from tests.campaign.kinds.kills import LIMIT, WORDS, finished_runs
from tests.campaign.kinds.signals import IN_TIME
from tests.campaign.kinds.sweeps import WORDS as COMPARED
from tests.campaign.kinds.sweeps import numbers
from tests.campaign.regressions.command_line import Regression
from tests.campaign.templates import SYNTHETIC, Templates, predictions_in, run_in

PREEMPTIONS = 4  # one more than the deaths without progress after which a run counts as failed
ENDLESS = (*SYNTHETIC, "model=hard", "epochs=100000", "steps=null", "patience=null", "output=outputs")
LONG = ("epochs=60", "patience=null", "seeds=1")  # epochs among which a process can be ended several times


def wait_until(what: Callable[[], object], child: Child) -> None:
    """Wait for something while a process lives. Failed if that takes too long."""
    limit = time.monotonic() + LIMIT
    while not what() and not child.ended():
        require("hang", time.monotonic() < limit, f"waited for {LIMIT} s")
        time.sleep(0.01)


def last_checkpoints(place: Path) -> list[Path]:
    """Of every run below a directory."""
    return list(place.glob("outputs/runs/*/*/*/last.ckpt"))


def written_since(moment: float, place: Path) -> bool:
    """Whether a last checkpoint was written after a moment."""
    return any(one.stat().st_mtime > moment for one in last_checkpoints(place))


def begun_twice(draw: Random, place: Path, templates: Templates) -> None:
    """Two commands go on with one run at once: one does, the other says who has it, or that it is done."""
    output = templates.copy(templates.interrupted, place)
    run = run_in(output)
    program = partial(train_py, f"resume={run.path}", "progress=false")
    children = []
    for name in "ab":
        children.append(start(program, place / name, templates.environment()))
        time.sleep(draw.choice((0, 0, draw.uniform(0, 1))))
    said = [child.wait(LIMIT) for child in children]
    for one in said:
        check_said(one, place, (0, 2))
        refused = "is being trained by process" in one.err or "is complete" in one.err
        require("lines", one.code == 0 or refused, one.err)
    require("doubled", [one.code for one in said].count(0) == 1, [one.code for one in said])
    check_same_as_calm(run, run_in(templates.finished / "outputs"))
    check_whole(run.path)


def begun_while_it_lives(draw: Random, place: Path, templates: Templates) -> None:
    """Whoever goes on with a run that is being trained is told by whom, and changes nothing."""
    child = start(partial(train_py, *ENDLESS), place, templates.environment())
    wait_until(lambda: last_checkpoints(place), child)
    (path,) = (one.parent for one in last_checkpoints(place))
    program = partial(train_py, f"resume={path}", "progress=false")
    other = start(program, place / "other", templates.environment()).wait(LIMIT)
    check_said(other, place, (2,))
    require("lines", f"is being trained by process {child.pid} on " in other.err, other.err)
    child.send(signal.SIGTERM)
    check_said(child.wait(LIMIT), place, (128 + signal.SIGTERM,))
    require("code", Run(path).state == "interrupted", Run(path).state)


def checkpoint_of_another_run(draw: Random, place: Path, templates: Templates) -> None:
    """SIGUSR1 in a job of SLURM, in whose directory lies a checkpoint as Lightning writes one to requeue a job."""
    job = {**templates.environment(), **BATCH}
    (place / "hpc_ckpt_1.ckpt").write_bytes((templates.finished / "outputs").joinpath(last_of(templates)).read_bytes())
    child = start(partial(train_py, *WORDS), place, job)
    wait_until(lambda: last_checkpoints(place), child)
    time.sleep(draw.uniform(0, 0.3))
    child.send(signal.SIGUSR1)
    check_said(child.wait(LIMIT), place, (0, 128 + signal.SIGUSR1))
    require("files", len(list(place.rglob("hpc_ckpt*"))) == 1, "Lightning has written a checkpoint")
    if not finished_runs(place / "outputs"):
        check_said(start(partial(train_py, *WORDS), place, job).wait(LIMIT), place, (0,))
    done = finished_runs(place / "outputs")
    require("doubled", len(done) == 1, [str(one.path) for one in done])
    check_same_as_calm(done[0], run_in(templates.synthetic / "outputs"))


def last_of(templates: Templates) -> Path:
    """The last checkpoint of another run, relative to its output directory."""
    output = templates.finished / "outputs"
    return run_in(output).last.relative_to(output)


def preempted_workers(draw: Random, place: Path, templates: Templates) -> None:
    """The worker that trains a run is killed again and again, each time an epoch further: the run is not given up."""
    words = (*COMPARED, *LONG)
    output = place / "outputs"
    child = start(partial(compare_py, *words, "workers=1"), place, templates.environment())
    kills, killed = 0, set[int]()
    while kills < PREEMPTIONS and not child.ended():
        wait_until(partial(written_since, time.time(), place), child)
        for holder in [json.loads(one.read_text()) for one in output.glob("queue/*.lock")]:
            if holder["pid"] not in killed:
                psutil.Process(holder["pid"]).kill()
                killed.add(holder["pid"])
                kills += 1
    ended = child.wait(LIMIT)
    check_said(ended, place, (0,))
    require("lost", kills == PREEMPTIONS, f"it was done after {kills} kills")
    require("lost", "died" not in ended.out, ended.out)
    calm = start(partial(compare_py, *words, "workers=0"), place / "calm", templates.environment()).wait(LIMIT)
    check_said(calm, place, (0,))
    require("different", numbers(output) == numbers(place / "calm" / "outputs"), "other numbers")


def workers_of_an_ended_comparison(draw: Random, place: Path, templates: Templates) -> float:
    """A comparison that gets SIGTERM ends its workers, whose runs can be gone on with."""
    words = (*COMPARED, *ENDLESS[-4:-1], "workers=2")
    child = start(partial(compare_py, *words), place, templates.environment())
    wait_until(lambda: last_checkpoints(place), child)
    workers = [(one.pid, start_time(one.pid)) for one in psutil.Process(child.pid).children(recursive=True)]
    child.send(signal.SIGTERM)
    wait_until(child.ended, child)
    limit = time.monotonic() + IN_TIME
    while any(alive := [pid for pid, began in workers if is_running(pid, began)]) and time.monotonic() < limit:
        time.sleep(0.05)  # multiprocessing has a process of its own that ends after the others
    ended = child.wait(LIMIT)
    check_said(ended, place, (128 + signal.SIGTERM,))
    require("hang", not alive, f"workers live on: {alive}")
    states = [Run(one.parent).state for one in last_checkpoints(place)]
    require("code", states and set(states) == {"interrupted"}, states)
    left = list((place / "outputs").glob("queue/*.lock"))
    require("half", not left, left)
    return ended.ending


def signal_while_options_are_read(draw: Random, place: Path, templates: Templates) -> None:
    """A library that a signal comes into makes an error of its own of it, which is no mistake of the user."""
    for number in range(12):
        child = start(partial(train_py, *WORDS), place / str(number), templates.environment())
        time.sleep(draw.uniform(0, 0.7))
        child.send(signal.SIGTERM)
        check_said(child.wait(LIMIT), child.place, (0, 128 + signal.SIGTERM, -signal.SIGTERM))


def without_linux(draw: Random, place: Path, templates: Templates) -> None:
    """Nothing that other systems lack is asked for: /proc, affinity of cores, ``fcntl``, ``ctypes``, ``resource``."""

    def bare(program: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            system.PROC = place / "proc"
            for owner, name in (
                *((os, name) for name in ("sched_getaffinity", "sched_setaffinity")),
                *((psutil.Process, name) for name in ("cpu_affinity", "rlimit", "num_fds")),
                (psutil, "heap_trim"),
            ):
                if hasattr(owner, name):
                    delattr(owner, name)
            for name in ("fcntl", "ctypes", "resource"):
                sys.modules[name] = None  # type: ignore[assignment]
            program()

        return run

    train = bare(partial(train_py, *templates.words(), "epochs=4", "output=outputs"))
    check_said(start(train, place, templates.environment()).wait(LIMIT), place, (0,))
    run = run_in(place / "outputs")
    check_same_as_calm(run, run_in(templates.finished / "outputs"))
    predict = bare(partial(execute_py, f"run={run.path}", f"records={templates.records}", "threads=1"))
    check_said(start(predict, place, templates.environment()).wait(LIMIT), place, (0,))
    same = predictions_in(place / "outputs") == predictions_in(templates.finished / "outputs")
    require("different", same, "other numbers are predicted")


CASES: dict[str, Regression] = {
    "a run that two go on with": begun_twice,
    "a run that is being trained": begun_while_it_lives,
    "a checkpoint of another run in a job of SLURM": checkpoint_of_another_run,
    "a worker that is killed with progress": preempted_workers,
    "workers of a comparison that is ended": workers_of_an_ended_comparison,
    "a system that is not Linux": without_linux,
    "a signal while options are read": signal_while_options_are_read,
}
