"""Checkpoints with damaged bytes, or that would run code: refused, or used with the numbers of the undamaged one."""

import json
import pickle
import shutil
from functools import partial
from pathlib import Path
from random import Random
from zipfile import ZIP_STORED, ZipFile

from mtl.runs.checksums import FILE as CHECKSUMS
from mtl.runs.checksums import sha256_of
from mtl.runs.directory import Run
from tests.campaign.checks import CANARY, check_said, require
from tests.campaign.child import start
from tests.campaign.commands import execute_py, train_py
from tests.campaign.mutations import mutate_bytes
from tests.campaign.templates import Templates, predictions_in, run_in

LIMIT = 300


class Touch:
    """Makes the canary when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (Path(CANARY),)


def damage(path: Path, draw: Random) -> bool:
    """Damage a checkpoint, or put one in its place that runs code. Returns whether that is a forgery."""
    how = draw.random()
    if how < 0.75:
        path.write_bytes(mutate_bytes(path.read_bytes(), draw, most=2))
        return False
    if how < 0.85:
        path.write_bytes(pickle.dumps({"state_dict": Touch()}))
        return True
    old = path.with_name("old")
    shutil.move(path, old)
    with ZipFile(old) as source, ZipFile(path, "w", ZIP_STORED) as target:  # the archive of torch, its pickle replaced
        for item in source.namelist():
            content = source.read(item)
            target.writestr(item, pickle.dumps({"state_dict": Touch()}) if item.endswith("data.pkl") else content)
    old.unlink()
    return True


def check_same_as_calm(run: Run, calm: Run) -> None:
    """Check that a run came to the numbers of one that nothing disturbed."""
    mine, other = run.result, calm.result
    require("different", mine.metrics == other.metrics, f"{mine.metrics['test']} and {other.metrics['test']}")
    require("different", mine.selection == other.selection, f"{mine.selection} and {other.selection}")


def case(draw: Random, place: Path, templates: Templates) -> None:
    """The run predicts, or is gone on with; its checksums are there, missing as in old runs, or forged."""
    resumes = draw.random() < 0.4
    output = templates.copy(templates.interrupted if resumes else templates.finished, place)
    run = run_in(output)
    path = draw.choice((run.last, run.best)) if resumes else run.best
    whole = path.read_bytes()
    forged = damage(path, draw)
    noted, how = run.path / CHECKSUMS, draw.random()
    if forged and how < 0.6:
        noted.write_text(json.dumps({**json.loads(noted.read_text()), path.name: [sha256_of(path)]}))
    elif how < 0.9:
        noted.unlink()
    same = path.read_bytes() == whole
    program = (
        partial(train_py, f"resume={run.path}", "progress=false")
        if resumes
        else partial(execute_py, f"run={run.path}", f"records={templates.records}", "threads=1")
    )
    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0, 2))
    require("foreign", ended.code == 2 or not forged, "a forged checkpoint was read")
    require("lost", ended.code == 0 or not same, "an undamaged checkpoint was refused")
    if ended.code == 0 and resumes:
        check_same_as_calm(run, run_in(templates.finished / "outputs"))
    elif ended.code == 0:
        before, *after = predictions_in(output)
        require("different", after == [before], "other numbers are predicted")
