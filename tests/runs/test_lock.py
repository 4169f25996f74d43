"""Locks of runs: written once, and alive as long as their process."""

import errno
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mtl.errors import InputError
from mtl.runs.lock import STALE, check_free, create_lock, hold, holder_of, is_running, machine_id, start_time
from mtl.sweep.file_leases import FileLeases

NOBODY = 2**22 + 1  # above every process number of Linux


def test_a_lock_is_created_once(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    assert create_lock(lock, "mine")
    assert not create_lock(lock, "theirs")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_process_is_running_from_its_own_start_time_on() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert is_running(os.getpid(), started)
    assert not is_running(os.getpid(), started - 60)  # another process had this number before
    assert not is_running(NOBODY, started)


@pytest.mark.parametrize("pid", [-1, None, "1", NOBODY], ids=["negative", "none", "text", "nobody"])
@pytest.mark.parametrize("started", [None, "1", 0.0], ids=["none", "text", "number"])
def test_what_is_no_process_does_not_run(pid: object, started: object) -> None:
    assert not is_running(pid, started)


def test_a_clock_that_is_set_does_not_change_when_a_process_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start times of Linux are kept relative to the start of the machine, which moves with the clock."""
    if not psutil.LINUX:
        pytest.skip("other systems keep the time at which a process started")
    started, boot = start_time(os.getpid()), psutil.boot_time()
    created = psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + 3600)
    assert is_running(os.getpid(), started)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_that_was_killed_does_not_run_also_before_its_parent_knows() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    started = start_time(child)
    assert is_running(child, started)
    os.kill(child, signal.SIGKILL)
    limit = time.monotonic() + 10
    while is_running(child, started) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not is_running(child, started)
    os.waitpid(child, 0)


def test_a_lock_is_held_by_one_and_that_of_a_dead_process_by_the_next(tmp_path: Path) -> None:
    with hold(tmp_path):
        with pytest.raises(InputError, match=rf"is being trained by process {os.getpid()} on '"), hold(tmp_path):
            pass
        check = tmp_path / "lock"
        mine = json.loads(check.read_text())
    assert list(tmp_path.iterdir()) == []
    for dead in ({**mine, "pid": NOBODY}, {**mine, "started": 0.0}, {}, [1]):
        check.write_text(json.dumps(dead))
        check_free(tmp_path)
        with hold(tmp_path):
            assert json.loads(check.read_text())["token"] not in ("", mine["token"])
        assert list(tmp_path.iterdir()) == []


def test_what_a_process_left_that_died_while_it_removed_a_dead_lock_is_removed(tmp_path: Path) -> None:
    """Whoever removes a dead lock holds another one, of which nobody tells whether its process lives: it gets old."""
    (tmp_path / "lock").write_text(json.dumps({"token": "dead", "machine": machine_id(), "pid": NOBODY}))
    removal = tmp_path / f"lock-{hashlib.sha256(b'dead').hexdigest()[:16]}"
    removal.touch()
    moments = iter([time.time() + STALE - 5, time.time() + STALE - 5, time.time() + STALE + 5])
    waited: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        # In this module alone: threads of other tests look at the clock, too
        patch.setattr("mtl.runs.lock.time", SimpleNamespace(time=lambda: next(moments), sleep=waited.append))
        with hold(tmp_path):
            assert not removal.exists()
    assert len(waited) == 3
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_find_a_dead_lock_one_gets_it(tmp_path: Path) -> None:
    """Threads stand for processes: a lock names a process, and that one is alive."""
    (tmp_path / "lock").write_text(json.dumps({"token": "dead", "machine": machine_id(), "pid": NOBODY}))
    begin, over, granted, refused = threading.Barrier(8), threading.Event(), list[int](), list[int]()

    def note(answers: list[int]) -> None:
        answers.append(1)
        if len(refused) + len(granted) == 8:  # whichever comes last
            over.set()

    def take() -> None:
        begin.wait()
        try:
            with hold(tmp_path):
                note(granted)
                over.wait(10)
        except InputError:
            note(refused)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(granted), len(refused)) == (1, 7)
    assert list(tmp_path.iterdir()) == []


def test_whoever_holds_a_run_removes_what_a_killed_process_had_begun_to_write(tmp_path: Path) -> None:
    for name in (".12.34.last.ckpt", "last.ckpt", ".clock"):
        (tmp_path / name).touch()
    with hold(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".clock", "last.ckpt", "lock"]


@pytest.mark.parametrize("left", ['{"token": "of another"}', None], ids=["taken over", "removed"])
def test_whoever_has_lost_a_lock_ends(
    left: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that was asleep, and whose run another one has taken over, does not go on with it."""
    ended, over = list[tuple[int, int]](), threading.Event()
    monkeypatch.setattr("mtl.runs.lock.HEARTBEAT", 0.01)
    monkeypatch.setattr(os, "kill", lambda *given: (ended.append(given), over.set()))
    lock = tmp_path / "lock"
    with hold(tmp_path):
        lock.write_text("")  # cannot be read just now
        assert not over.wait(0.05)
        if left is None:
            lock.unlink()
        else:
            lock.write_text(left)
        assert over.wait(10)
    assert ended == [(os.getpid(), signal.SIGTERM)]
    assert lock.exists() == (left is not None)  # the other one keeps it
    assert capsys.readouterr().err.startswith(f"run '{tmp_path}' was taken over by another process")


def test_a_lock_of_another_machine_is_looked_at_also_where_nothing_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a person who lists the runs of somebody else."""

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    lock = tmp_path / "lock"
    lock.write_text('{"machine": "elsewhere"}')
    with pytest.raises(InputError, match="is being trained by process None on 'elsewhere'"):
        check_free(tmp_path)
    os.utime(lock, (0, 0))
    check_free(tmp_path)


def test_a_lock_that_cannot_be_read_just_now_is_that_of_somebody(tmp_path: Path) -> None:
    """As on a network file system that is away for a moment: else its live process would lose the run to another."""
    lock = tmp_path / "a.lock"
    lock.write_text(json.dumps({"token": "of another", "machine": machine_id(), "pid": os.getpid(), "started": 0.0}))
    (tmp_path / "lock").write_text(lock.read_text())
    leases, read = FileLeases(tmp_path), Path.read_text

    def refuse(path: Path, **more: str) -> str:
        if path.name.endswith("lock"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", refuse)
        assert leases.held(["a"]) == {"a"}
        assert leases.take("a") is None
        with pytest.raises(InputError, match="is being trained by a process whose lock cannot be read"), hold(tmp_path):
            pass
        for path in (lock, tmp_path / "lock"):
            os.utime(path, (0, 0))  # not touched for long
        check_free(tmp_path)
        assert leases.held(["a"]) == set()
    assert holder_of(lock)["token"] == "of another"
    assert holder_of(tmp_path / "none") == {}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda lock: lock.symlink_to("nowhere")])
def test_what_is_no_lock_is_refused_at_once(make: Callable[[Path], None], tmp_path: Path) -> None:
    """As in a directory of somebody else: one that nobody writes to would never answer, and none can be taken over."""
    make(tmp_path / "lock")
    for look in (check_free, lambda directory: hold(directory).__enter__()):
        with pytest.raises(InputError, match="lock' is no file"):
            look(tmp_path)
