"""What people have typed that once gave a traceback or worse: each is one line that says what is wrong."""

from functools import partial
from pathlib import Path
from random import Random

from mtl.errors import EXIT_USER_ERROR
from tests.campaign.checks import check_nothing_written, check_said, files_of, require
from tests.campaign.child import start
from tests.campaign.commands import train_py
from tests.campaign.templates import SYNTHETIC, Templates
from tests.cli.test_command_line import BAD

LIMIT = 300


def case(draw: Random, place: Path, templates: Templates) -> None:
    """One of them, or two at once, of which one is said; other overrides may stand around it."""
    chosen = draw.sample(sorted(BAD), draw.choice((1, 1, 1, 2)))
    words = [word for name in chosen for word in BAD[name][0]]
    right = [word for word in SYNTHETIC if word.partition("=")[0] not in {one.partition("=")[0] for one in words}]
    before = files_of(place)
    ended = start(partial(train_py, *right, *words), place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (EXIT_USER_ERROR,))
    require("lines", len(chosen) > 1 or BAD[chosen[0]][1].removeprefix("error: ") in ended.err, ended.err)
    check_nothing_written(before, place)
