"""SIGKILL at random moments of a training that solves its instances first, and writes them into an empty cache."""

import signal
import time
from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import start
from tests.campaign.commands import train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.kinds.kills import LIMIT, finished_runs
from tests.campaign.templates import SOLVED, Templates, run_in


def case(draw: Random, place: Path, templates: Templates) -> None:
    """Up to four kills; then it may end, and has the numbers of a training with a cache that nothing disturbed."""
    own = {**templates.environment(), "XDG_CACHE_HOME": str(place / "cache")}
    program = partial(train_py, *SOLVED, "output=outputs")
    seconds = templates.seconds_of(templates.solved)
    for _ in range(draw.randint(1, 4)):
        child = start(program, place, own)
        time.sleep(draw.uniform(0, seconds))
        child.send(signal.SIGKILL)
        check_said(child.wait(LIMIT), place, (0, -signal.SIGKILL))
        if finished_runs(place / "outputs"):  # the same command once more would make a second one
            break
    if not finished_runs(place / "outputs"):
        check_said(start(program, place, own).wait(LIMIT), place, (0,))
    done = finished_runs(place / "outputs")
    require("doubled", len(done) == 1, [str(one.path) for one in done])
    check_same_as_calm(done[0], run_in(templates.solved / "outputs"))
    check_whole(done[0].path)
