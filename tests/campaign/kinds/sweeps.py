"""SIGKILL and SIGTERM at random moments of a comparison with several workers, and of a report: none lost or doubled."""

import json
import signal
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from mtl.runs.directory import read_result
from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import start
from tests.campaign.commands import compare_py, report_py
from tests.campaign.templates import STUDY, Templates

LIMIT = 300
WORDS = (*STUDY, "epochs=4", "output=outputs")


def numbers(output: Path) -> dict[str, Any]:
    """What came of each run of an output directory, by its id. Failed if a run is there twice."""
    found: dict[str, Any] = {}
    for path in output.glob("runs/*/*/*/result.json"):
        result = read_result(path)
        require("doubled", result.run_id not in found, path)
        found[result.run_id] = result.metrics, result.selection, result.steps
    return found


def case(draw: Random, place: Path, templates: Templates) -> None:
    """The same command until it ends by itself: first with two workers, in the end in one process."""
    output, environment = place / "outputs", templates.environment()
    for turn in range(draw.randint(1, 3)):
        workers = draw.choice((0, 2)) if turn else 2
        child = start(partial(compare_py, *WORDS, f"workers={workers}"), place, environment)
        time.sleep(draw.uniform(0, 25 if workers else 6))  # workers import everything anew
        how = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        child.send(how)
        ended = child.wait(LIMIT)
        # Before the program has set its handlers, and where it is killed, the system ends it
        check_said(ended, place, (0, 1, 128 + how, -how))
    ended = start(partial(compare_py, *WORDS, "workers=0"), place, environment).wait(LIMIT)
    check_said(ended, place, (0,))
    calm = numbers(templates.comparison / "outputs")
    require("different", numbers(output) == calm, f"{len(numbers(output))} of {len(calm)} runs, or other numbers")
    for directory in output.glob("comparisons/*"):
        child = start(partial(report_py, str(directory)), place, environment)
        time.sleep(draw.uniform(0, 3))
        child.send(signal.SIGKILL)
        check_said(child.wait(LIMIT), place, (0, -signal.SIGKILL))
        for path in directory.rglob("*.json"):
            json.loads(path.read_text())  # whole, whenever it was killed
    check_whole(output / "runs")
