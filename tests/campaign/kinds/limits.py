"""Full disks, limits of file size and open files, places that may not be written, clocks that go back."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_said, check_whole, require
from tests.campaign.child import start
from tests.campaign.commands import execute_py, report_py, train_py
from tests.campaign.kinds.checkpoints import check_same_as_calm
from tests.campaign.kinds.kills import LIMIT, WORDS, finished_runs
from tests.campaign.templates import Templates, predictions_in, run_in

NOBODY = 65534  # the user of a process that may write nowhere


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[bool]:
    """Within this, ``outputs`` is a disk of so many bytes; False where none can be mounted."""
    disk = place / "outputs"
    disk.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
    mounted = shutil.which("mount") is not None and not subprocess.run(command, capture_output=True).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(disk)], check=True)


def full_disk(draw: Random, place: Path, templates: Templates) -> None:
    """A training on a disk that is too small for it, which then has room."""
    size = draw.randrange(4096, 200_000)
    with small_disk(place, size) as mounted:
        program = partial(train_py, *WORDS)
        if not mounted:
            program = with_limit(resource.RLIMIT_FSIZE, draw.randrange(0, 60_000), program)
        ended = start(program, place, templates.environment()).wait(LIMIT)
        check_said(ended, place, (0, 2))
        if not mounted:
            return
        check_whole(place / "outputs")
        command = ["mount", "-o", f"remount,size={64 << 20}", str(place / "outputs")]
        subprocess.run(command, check=True, capture_output=True)
        if ended.code:
            left = sorted((place / "outputs").glob("runs/*/*/*/last.ckpt"))
            words = (f"resume={left[-1].parent}", "progress=false") if left else WORDS
            ended = start(partial(train_py, *words), place, templates.environment()).wait(LIMIT)
            check_said(ended, place, (0,))
        done = finished_runs(place / "outputs")
        require("lost", len(done) == 1, [str(run.path) for run in done])
        check_same_as_calm(done[0], run_in(templates.synthetic / "outputs"))


def with_limit(limit: int, number: int, program: Callable[[], None]) -> Callable[[], None]:
    """The program, under a limit of the system."""

    def limited() -> None:
        resource.setrlimit(limit, (number, resource.getrlimit(limit)[1]))
        program()

    return limited


def file_size(draw: Random, place: Path, templates: Templates) -> None:
    """A training or a prediction whose files may not be larger than so many bytes."""
    run = run_in(templates.copy(templates.finished, place)).path
    predict = partial(execute_py, f"run={run}", f"records={templates.records}", "threads=1")
    program = draw.choice((partial(train_py, *WORDS), predict, partial(report_py, str(place / "outputs"), "name=mine")))
    program = with_limit(resource.RLIMIT_FSIZE, int(10 ** draw.uniform(3, 5)), program)
    ended = start(program, place, templates.environment(), out=Path(os.devnull)).wait(LIMIT)
    check_said(ended, place, (0, 2))
    check_whole(place)
    require("half", set(predictions_in(place / "outputs")) == set(predictions_in(templates.finished / "outputs")), run)


def few_files(draw: Random, place: Path, templates: Templates) -> None:
    """A training that may have so many files open."""
    program = with_limit(resource.RLIMIT_NOFILE, draw.randrange(6, 40), partial(train_py, *WORDS))
    check_said(start(program, place, templates.environment()).wait(LIMIT), place, (0, 2))
    check_whole(place)


def read_only(draw: Random, place: Path, templates: Templates) -> None:
    """A user who may not write into a run, the output directory, the cache or the home directory."""
    output = templates.copy(templates.finished, place)
    run = run_in(output).path
    predict = partial(execute_py, f"run={run}", f"records={templates.records}", "threads=1")
    resume = partial(train_py, f"resume={run_in(templates.copy(templates.interrupted, place / 'other')).path}")
    program = draw.choice((partial(train_py, *WORDS), predict, resume, partial(report_py, str(output))))

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        program()

    if os.getuid() == 0:
        place.chmod(0o755)
    else:
        for path in (place, *(path for path in place.rglob("*") if path.is_dir())):
            path.chmod(0o555)
    environment = {**templates.environment(), "XDG_CACHE_HOME": "/proc/none", "HOME": "/proc/none"}
    ended = start(as_nobody if os.getuid() == 0 else program, place, environment).wait(LIMIT)
    check_said(ended, place, (2,))


def clock(draw: Random, place: Path, templates: Templates) -> None:
    """The clock goes back or forward while a run is trained, interrupted, and gone on with."""
    jumps = sorted(draw.uniform(0, 3) for _ in range(draw.randint(1, 4)))
    offsets = [draw.choice((-86_400.0, -3600.0, -1.0, 7200.0, -1e9)) for _ in jumps]
    output = templates.copy(templates.interrupted, place)
    run, began = run_in(output), time.monotonic()
    for path in output.rglob("*"):
        if draw.random() < 0.5:
            os.utime(path, (time.time() + 1e6, time.time() + 1e6))  # written before the clock went back

    def turned(now: Callable[[], float], scale: float) -> Callable[[], float]:
        def read() -> float:
            since = time.monotonic() - began
            return type(now())(now() + scale * sum(o for at, o in zip(jumps, offsets, strict=True) if at < since))

        return read

    def program() -> None:
        time.time, time.time_ns = turned(time.time, 1), turned(time.time_ns, 1e9)  # type: ignore[assignment]
        train_py(*templates.words(), "epochs=4", f"output={output}")

    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0,))
    require("doubled", len(finished_runs(output)) == 1, [str(one.path) for one in finished_runs(output)])
    check_same_as_calm(run, run_in(templates.finished / "outputs"))
    require("different", run.result.seconds.fit >= 0, run.result.seconds)


def case(draw: Random, place: Path, templates: Templates) -> None:
    """One of these."""
    draw.choice((full_disk, full_disk, file_size, few_files, read_only, clock))(draw, place, templates)
