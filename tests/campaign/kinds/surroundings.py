"""Where a program is started: without a home or a working directory, with odd streams, locales and variables."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_said, require
from tests.campaign.child import Ended, start
from tests.campaign.commands import ROOT, compare_py, execute_py, report_py, train_py
from tests.campaign.kinds.kills import LIMIT, WORDS, finished_runs
from tests.campaign.templates import STUDY, Templates, run_in

HOMES: tuple[dict[str, str | None], ...] = (
    {"HOME": None, "XDG_CACHE_HOME": None},
    {"HOME": "/nonexistent", "XDG_CACHE_HOME": None},
    {"HOME": "/proc", "XDG_CACHE_HOME": None},
    {"HOME": "", "XDG_CACHE_HOME": ""},
    {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/x"},
)
VARIABLES: tuple[dict[str, str | None], ...] = (
    {"LOCAL_RANK": "1"},
    {"RANK": "3", "WORLD_SIZE": "4"},
    {"OMP_NUM_THREADS": "x"},
    {"OMP_NUM_THREADS": "0"},
    {"COLUMNS": "5"},
    {"TERM": "dumb"},
    {"TERM": None, "PATH": None},
    {"TMPDIR": "/nonexistent"},
    {"HYDRA_FULL_ERROR": "0", "PYTHONWARNINGS": "ignore"},
    {"USER": None, "LOGNAME": None, "USERNAME": None},
    {"TZ": "Antarctica/Troll"},
)
LOCALES: tuple[dict[str, str | None], ...] = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "xx_YY.nothing", "PYTHONUTF8": "0"},
)


def programs(draw: Random, place: Path, templates: Templates) -> Callable[[], None]:
    """One of the four programs."""
    output = templates.copy(templates.finished, place)
    run = run_in(output).path
    choices: tuple[Callable[[], None], ...] = (
        partial(train_py, *WORDS[:-1], f"output={place / 'new'}"),
        partial(execute_py, f"run={run}", f"records={templates.records}", "threads=1"),
        partial(report_py, str(output)),
        partial(compare_py, *STUDY, "epochs=1", "workers=0", f"output={place / 'new'}", "dry_run=true"),
    )
    return draw.choice(choices)


def variables(draw: Random, place: Path, templates: Templates) -> None:
    """Variables that are odd or missing."""
    odd = draw.choice((*HOMES, *VARIABLES))
    program = programs(draw, place, templates)
    ended = start(program, place, {**templates.environment(), **odd}).wait(LIMIT)
    check_said(ended, place, (0, 2))


def no_working_directory(draw: Random, place: Path, templates: Templates) -> None:
    """A working directory that is removed before the program begins."""
    program = programs(draw, place, templates)

    def without_directory() -> None:
        gone = place / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        program()

    check_said(start(without_directory, place, templates.environment()).wait(LIMIT), place, (0, 2))


def streams(draw: Random, place: Path, templates: Templates) -> None:
    """Standard output that is full, closed, or read by a program that stops; the run is there all the same."""
    program, how = programs(draw, place, templates), draw.choice(("full", "closed", "pipe"))

    def with_stream() -> None:
        if how == "closed":
            sys.stdout.flush()
            os.close(1)
        elif how == "pipe":
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, 1)
        program()

    out = Path("/dev/full") if how == "full" else None
    ended = start(with_stream, place, templates.environment(), out).wait(LIMIT)
    check_said(ended, place, (0, 2, 120) if how != "pipe" else (0, 1, 141))  # rich leaves with 1
    if (place / "new" / "runs").is_dir():
        require("lost", len(finished_runs(place / "new")) == 1, f"{how} standard output: {ended.err}")


def cold(draw: Random, place: Path, templates: Templates) -> None:
    """A new interpreter in a locale without Unicode; its output may go to a program that stops reading."""
    output = templates.copy(templates.finished, place)
    run = run_in(output).path
    (place / "tänze").mkdir()
    commands = (
        ["train.py", *WORDS[:-1], f"output={place / 'new'}"],
        ["train.py", *WORDS[:-1], f"output={place / 'tänze'}"],
        ["train.py", "--help"],
        ["execute.py", f"run={run}", f"records={templates.records}", "threads=1"],
        ["execute.py", f"run={place / 'tänze'}"],
        ["experiments/report.py", str(output)],
        ["experiments/compare.py", "--help"],
    )
    name, *words = draw.choice(commands)
    environment = {**os.environ, **templates.environment(), **draw.choice(LOCALES)}
    piped = ["|", "head", "-1", ">/dev/null"] if draw.random() < 0.5 else []
    command = " ".join((*(f"'{part}'" for part in (sys.executable, str(ROOT / name), *words)), *piped))
    began = time.monotonic()
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-o", "pipefail", "-c", command],
        cwd=place,
        env={key: text for key, text in environment.items() if text is not None},
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    said = [text.decode(errors="replace") for text in (done.stdout, done.stderr)]
    said[1] = "\n".join(line for line in said[1].splitlines() if "setlocale" not in line)  # what bash says
    check_said(Ended(done.returncode, said[0], said[1], time.monotonic() - began), place, (0, 1, 2, 141))


def case(draw: Random, place: Path, templates: Templates) -> None:
    """One of these."""
    draw.choice((variables, variables, no_working_directory, streams, streams, cold))(draw, place, templates)
