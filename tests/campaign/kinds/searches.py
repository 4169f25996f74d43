"""Kills and signals at random moments of a search for hyper-parameters: no trial is lost, doubled or different."""

import os
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psutil

from mtl.config.search_settings import read_search
from mtl.runs.directory import Run
from mtl.sweep.search_study import RUN, SearchStudy
from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import Child, start
from tests.campaign.commands import tune_py
from tests.campaign.kinds.kills import LIMIT, finished_runs
from tests.campaign.kinds.signals import BUSY, IN_TIME, SIGNALS
from tests.campaign.templates import SEARCHES, Templates

IMPORTS = 20  # seconds that a worker takes to begin


def trials(output: Path, workers: int) -> list[tuple[str, tuple[str, ...], Any]]:
    """What is known of each trial: its state, its values and its score; sorted where several workers drew them.

    Failed where a score is not that of the trial's run, or a finished run is no trial's.
    """
    study = SearchStudy(read_search([*SEARCHES[workers], f"output={output}"]))
    complete = [one for one in study.trials if one.state.name == "COMPLETE"]
    runs = {Path(one.user_attrs[RUN]).name: one.value for one in complete}
    found = {run.path.name: run.result.metrics["val"].score for run in finished_runs(output)}
    require("different", runs == found, f"the trials have {runs}, the runs {found}")
    every = [(one.state.name, tuple(study.overrides(one)), one.value) for one in study.trials]
    return every if workers == 1 else sorted(every)


def end(child: Child, draw: Random, how: int) -> bool:
    """End a search, or one of its workers where there are some. Returns whether the search itself was meant."""
    workers: list[psutil.Process] = []
    with suppress(psutil.Error):  # it, or a worker, may end in this moment
        began = [] if child.ended() else psutil.Process(child.pid).children()
        workers = [one for one in began if "spawn_main" in " ".join(one.cmdline())]
    if workers and how == signal.SIGKILL and draw.random() < 0.5:
        draw.choice(workers).send_signal(how)
        return False
    child.send(how, to_all=draw.random() < 0.3)
    return True


def case(draw: Random, place: Path, templates: Templates) -> float:
    """The same command until it ends by itself, alone or with two workers; returns the longest end after a signal."""
    workers = draw.choice((1, 2))
    calm = templates.search(workers)
    output, environment, longest = place / "outputs", templates.environment(), 0.0
    words = (*SEARCHES[workers], "output=outputs")
    for _ in range(draw.randint(1, 4)):
        child = start(partial(tune_py, *words, f"workers={workers if workers > 1 else 0}"), place, environment)
        time.sleep(draw.uniform(0, templates.seconds_of(calm) + (IMPORTS if workers > 1 else 0)))
        how = draw.choice((signal.SIGKILL, *SIGNALS))
        meant = end(child, draw, how)
        ended = child.wait(IN_TIME * BUSY if meant else LIMIT)
        # Before the program has set its handlers, and where it is killed, the system ends it
        check_said(ended, place, (0, 128 + how, -how) if meant else (0,))
        require("lines", not ended.err, ended.err)
        if meant and how != signal.SIGKILL:
            longest = max(longest, ended.ending)
    check_said(start(partial(tune_py, *words, "workers=0"), place, environment).wait(LIMIT), place, (0,))
    mine, other = trials(output, workers), trials(calm / "outputs", workers)
    require("lost", len(mine) >= len(other), f"{len(mine)} of {len(other)} trials")
    require("doubled", len(mine) <= len(other), f"{len(mine)} of {len(other)} trials")
    require("different", mine == other, f"{mine} and {other}")
    left = [*output.glob("searches/*/trial-*.lock"), *(run for run in runs_under_way(output))]
    require("half", not left, f"left behind: {left}")
    check_whole(output / "runs")
    return longest


def runs_under_way(output: Path) -> list[str]:
    """Directories of runs that are said to be trained, which nobody does."""
    found = [Run(Path(path).parent) for path in output.glob("runs/*/*/*/config.yaml")]
    return [os.fspath(run.path) for run in found if run.state == "running"]
