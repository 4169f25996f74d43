"""SIGKILL at random moments of a training: started again it comes to the numbers of one that nothing disturbed."""

import signal
import time
from functools import partial
from pathlib import Path
from random import Random

from mtl.runs.directory import Run
from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import start
from tests.campaign.commands import train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.templates import SYNTHETIC, Templates, run_in

LIMIT = 300
WORDS = (*SYNTHETIC, "model=hard", "epochs=8", "patience=null", "output=outputs")


def finished_runs(output: Path) -> list[Run]:
    """The runs of an output directory that have a result."""
    return [Run(path.parent) for path in output.glob("runs/*/*/*/result.json")]


def case(draw: Random, place: Path, templates: Templates) -> None:
    """Up to three kills, the command typed again or the run named after each; then it may end."""
    output, words = place / "outputs", WORDS
    for _ in range(draw.randint(1, 3)):
        child = start(partial(train_py, *words), place, templates.environment())
        time.sleep(draw.uniform(0, templates.seconds))
        child.send(signal.SIGKILL)
        ended = child.wait(LIMIT)
        check_said(ended, place, (0, -signal.SIGKILL))
        if ended.code == 0 or finished_runs(output):  # it may have been killed between the result and the end
            break
        left = sorted(output.glob("runs/*/*/*/last.ckpt"))
        words = (f"resume={left[-1].parent}", "progress=false") if left and draw.random() < 0.4 else WORDS
    done = finished_runs(output)
    if not done:
        ended = start(partial(train_py, *words), place, templates.environment()).wait(LIMIT)
        check_said(ended, place, (0,))
        done = finished_runs(output)
    require("lost", done, "no run has a result")
    require("doubled", len(done) == 1, [str(run.path) for run in done])
    check_same_as_calm(done[0], run_in(templates.synthetic / "outputs"))
    check_whole(done[0].path)
