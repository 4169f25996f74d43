"""Kills and signals at random moments of an improvement of a finished run: it goes on, and the run stays as it was."""

import signal
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch

from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run
from tests.campaign.checks import check_nothing_written, check_said, check_whole, files_of, require
from tests.campaign.child import start
from tests.campaign.commands import improve_py
from tests.campaign.kinds.kills import LIMIT, finished_runs
from tests.campaign.kinds.signals import BUSY, IN_TIME, SIGNALS, check_interrupted
from tests.campaign.templates import ROUNDS, Templates, run_in


def improved(output: Path) -> list[Run]:
    """The finished runs of an output directory that came of an improvement."""
    return [run for run in finished_runs(output) if run.parent is not None]


def numbers(run: Run) -> dict[str, Any]:
    """What an improvement came to, but for how long it took."""
    found = run.result.improvement
    assert found is not None
    plain = found.plain()
    rounds = [{key: value for key, value in one.items() if key != "seconds"} for one in plain.pop("rounds")]
    return {**plain, "rounds": rounds, "seconds": 0.0, "parent": ""}


def check_same_as_calm(run: Run, calm: Run) -> None:
    """Check that a run came to the numbers and the weights of one that nothing disturbed."""
    require("different", numbers(run) == numbers(calm), f"{numbers(run)} and {numbers(calm)}")
    require("different", run.result.metrics == calm.result.metrics, f"{run.result.metrics} and {calm.result.metrics}")
    mine, other = (read_checkpoint(one.best)["state_dict"] for one in (run, calm))
    same = mine.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in mine.items())
    require("different", same, "other weights")


def case(draw: Random, place: Path, templates: Templates) -> float:
    """The same command until it ends by itself; returns the longest that it took to end after a signal."""
    calm, output = templates.improved, templates.copy(templates.scheduler, place)
    parent = run_in(output).path
    before, environment, longest = files_of(parent), templates.environment(), 0.0
    words = (f"run={parent.relative_to(place)}", *ROUNDS)
    for _ in range(draw.randint(1, 4)):
        child = start(partial(improve_py, *words), place, environment)
        time.sleep(draw.uniform(0, templates.seconds_of(calm)))
        how = draw.choice((signal.SIGKILL, *SIGNALS))
        child.send(how)
        ended = child.wait(IN_TIME * BUSY)
        check_said(ended, place, (0, 128 + how, -how))
        if ended.code == 128 + how:
            check_interrupted(place, ended.err, output)
        if how != signal.SIGKILL:
            longest = max(longest, ended.ending)
        if improved(output):
            break
    if not improved(output):
        check_said(start(partial(improve_py, *words), place, environment).wait(LIMIT), place, (0,))
    done = improved(output)
    require("lost", done, "no run came of the improvement")
    require("doubled", len(list(output.glob("runs/*/*/*/config.yaml"))) == 2, list(output.glob("runs/*/*/*")))
    (calm_run,) = improved(calm / "outputs")
    check_same_as_calm(done[0], calm_run)
    check_nothing_written(before, parent)
    check_whole(output)
    return longest
