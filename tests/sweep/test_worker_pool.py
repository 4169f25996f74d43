"""Processes that go from one piece of work to the next."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from mtl.config.process import set_process_defaults
from mtl.errors import InputError
from mtl.runs.attempts import queue_directory
from mtl.sweep.stop_flag import StopFlag
from mtl.sweep.worker_pool import WorkerPool
from mtl.sweep.workers import LOST, sweep
from tests.sweep.test_sweep import plan_of
from tests.sweep.work import MOST, end_process, meet, set_flag, work_long, write_process


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    set_process_defaults()
    queue_directory(tmp_path).mkdir(parents=True)
    with WorkerPool(tmp_path) as made:
        yield made


def until_idle(pool: WorkerPool) -> None:
    limit = time.monotonic() + MOST
    while pool.busy():
        assert time.monotonic() < limit
        pool.wait(1.0)


@pytest.mark.slow
def test_one_process_does_one_piece_after_another_and_one_that_dies_is_replaced(
    pool: WorkerPool, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        pool.give(write_process, tmp_path / name)
        until_idle(pool)
    pool.give(end_process)
    until_idle(pool)
    assert pool.lost == 1
    pool.give(write_process, tmp_path / "third")
    until_idle(pool)
    first, second, third = ((tmp_path / name).read_text().split() for name in ("first", "second", "third"))
    assert first == second
    assert third[0] != first[0]
    assert third[1] == "False"


@pytest.mark.slow
def test_a_worker_that_is_at_work_is_given_nothing_more(pool: WorkerPool, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    pool.give(meet, one, other)
    pool.give(meet, other, one)
    assert pool.busy() == 2
    until_idle(pool)
    assert one.with_suffix(".met").exists()
    assert other.with_suffix(".met").exists()


@pytest.mark.slow
def test_at_its_end_what_workers_do_is_interrupted_and_they_end(tmp_path: Path) -> None:
    set_process_defaults()
    queue_directory(tmp_path).mkdir(parents=True)
    begun, interrupted = tmp_path / "begun", tmp_path / "interrupted"
    before = set(multiprocessing.active_children())
    with WorkerPool(tmp_path) as pool:
        pool.give(work_long, begun, interrupted)
        limit = time.monotonic() + MOST
        while not begun.exists():
            assert time.monotonic() < limit
            pool.wait(0.05)
    assert interrupted.exists()
    assert set(multiprocessing.active_children()) == before


class Losing:
    """A pool whose processes die at once."""

    lost = 0

    class stop:
        @staticmethod
        def is_set() -> bool:
            return False

        @staticmethod
        def clear() -> None:
            pass

    def busy(self) -> int:
        return 0

    def wait(self, seconds: float) -> None:
        pass

    def give(self, *_: object) -> None:
        self.lost += 1


def test_a_sweep_does_not_start_processes_that_die_without_end(tmp_path: Path) -> None:
    pool: Any = Losing()
    plan = plan_of(tmp_path, "seeds=1", "weightings=[equal]")
    with pytest.raises(InputError, match=r"processes end before they have trained: see .*worker-\*\.log"):
        sweep(plan.entries, tmp_path, 1, pool=pool)
    assert pool.lost == LOST


@pytest.mark.slow
def test_of_a_program_that_is_killed_nothing_is_said_and_no_process_stays(tmp_path: Path) -> None:
    queue_directory(tmp_path).mkdir(parents=True)
    program = f"from pathlib import Path; from tests.sweep.work import be_killed; be_killed(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)  # until all have closed it
    assert done.returncode == -signal.SIGKILL
    assert done.stdout + done.stderr == ""


PROGRAM = """
from pathlib import Path
from mtl.sweep.worker_pool import WorkerPool
from tests.sweep.work import write_process

print("begun")
with WorkerPool(Path({path!r})) as pool:
    pool.give(write_process, Path({path!r}) / "written")
    while pool.busy():
        pool.wait(1.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("as_file", [True, False], ids=["script", "from_input"])
def test_a_program_that_does_not_ask_for_its_name_is_not_run_again_by_its_workers(
    tmp_path: Path, as_file: bool
) -> None:
    queue_directory(tmp_path).mkdir(parents=True)
    program = PROGRAM.format(path=str(tmp_path))
    script = tmp_path / "script.py"
    script.write_text(program)
    asked = [sys.executable, str(script) if as_file else "-"]
    paths = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(asked, input=None if as_file else program, capture_output=True, text=True, env=paths)
    logs = "".join(log.read_text() for log in queue_directory(tmp_path).glob("worker-*.log"))
    assert (done.returncode, done.stdout, done.stderr, logs) == (0, "begun\n", "", "")
    assert (tmp_path / "written").is_file()


def test_a_flag_stays_set_until_it_is_cleared() -> None:
    flag = StopFlag(get_context("spawn"))
    assert not flag.is_set()
    for _ in range(2):
        flag.set()
    assert flag.is_set()
    flag.clear()
    assert not flag.is_set()
    flag.close()


@pytest.mark.slow
def test_a_flag_that_one_process_sets_is_seen_by_all(pool: WorkerPool) -> None:
    pool.give(set_flag)
    until_idle(pool)
    assert pool.stop.is_set()
    pool.stop.clear()
    assert not pool.stop.is_set()
