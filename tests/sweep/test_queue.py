"""The ledger under concurrency, crash and damage."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from mtl.sweep import queue as module
from mtl.sweep.queue import DEATHS, DONE, FAILED, PENDING, RUNNING, Entry, Ledger, created, machine, started


def entry(path: Path, seed: int = 0, fingerprint: str = "data") -> Entry:
    choices = {"task": "t", "model": "m", "weighting": "w"}
    return Entry({"output": str(path), "choices": choices, "seed": seed}, fingerprint)


def finish(ledger: Ledger, one: Entry, fingerprint: str = "data") -> Run:
    run = Run.create(one.config)
    run.finish({"data": {"fingerprint": fingerprint}})
    return run


def write_lock(ledger: Ledger, one: Entry, **values: Any) -> Path:
    lock = ledger.path / f"{one.key}.lock"
    lock.write_text(json.dumps({"token": "x", "machine": "elsewhere", "pid": 1, "started": "1", **values}))
    return lock


def test_states(tmp_path: Path) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    assert ledger.state(one) == PENDING
    with ledger.claim(one) as claim:
        assert claim is not None
        assert ledger.state(one) == RUNNING
        ledger.fail(one, "broken", "trace")
    assert ledger.state(one) == FAILED
    ledger.forget_failure(one)
    assert ledger.state(one) == PENDING
    run = finish(ledger, one)
    assert ledger.state(one) == DONE
    assert ledger.done(one).path == run.path  # type: ignore[union-attr]


def test_done_failed_and_held_runs_are_not_granted(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    done, failed, held = (entry(tmp_path, seed) for seed in range(3))
    finish(ledger, done)
    ledger.fail(failed, "broken")
    with ledger.claim(held) as first:
        assert first is not None
        for one in (done, failed, held):
            with Ledger(tmp_path).claim(one) as claim:
                assert claim is None
    with ledger.claim(held) as again:
        assert again is not None


def test_a_result_of_other_data_or_a_damaged_one_is_no_answer(tmp_path: Path) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    finish(ledger, one, fingerprint="other")
    second = finish(ledger, one)
    (second.path / "result.json").write_text("{")
    assert ledger.state(one) == PENDING
    with ledger.claim(one) as claim:
        assert claim is not None
        assert Run.create(one.config).path.name == f"{run_id(one.config)}-3"  # nothing is overwritten


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"], ids=["empty", "cut", "list", "null"])
def test_damaged_files_of_the_ledger_do_not_stop_it(tmp_path: Path, text: str) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    (ledger.path / f"{one.key}.json").write_text(text)
    (ledger.path / f"{one.key}.lock").write_text(text)
    assert ledger.state(one) == PENDING
    with ledger.claim(one) as claim:
        assert claim is not None


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    # This process number lives, but it is not the process that wrote the lock: it started at another time
    write_lock(ledger, one, machine=machine(), pid=os.getpid(), started="long ago")
    assert ledger.state(one) == PENDING
    with ledger.claim(one) as claim:
        assert claim is not None
        assert ledger.attempt(one)["deaths"] == 1


@pytest.mark.parametrize("where", ["elsewhere", f"{module.socket.gethostname()} another boot"], ids=["name", "boot"])
def test_a_lock_of_another_machine_lives_as_long_as_its_heart_beats(tmp_path: Path, where: str) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    lock = write_lock(ledger, one, machine=where, pid=2**22 + 1)  # no such process here, which says nothing
    assert ledger.state(one) == RUNNING
    with ledger.claim(one) as claim:
        assert claim is None
    old = time.time() - module.STALE - 1
    os.utime(lock, (old, old))
    assert ledger.state(one) == PENDING
    with ledger.claim(one) as claim:
        assert claim is not None
        assert ledger.holder(one)["machine"] == machine()
    assert ledger.attempt(one)["deaths"] == 1


def test_a_clock_that_is_wrong_kills_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    write_lock(ledger, one)
    ahead = time.time() + 10 * module.STALE
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert ledger.state(one) == RUNNING


def test_a_lock_is_created_once_also_without_the_mutex(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    assert created(lock, "mine")
    assert not created(lock, "theirs")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_the_heart_beats_while_a_run_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    with ledger.claim(one):
        lock = ledger.path / f"{one.key}.lock"
        os.utime(lock, (0, 0))
        limit = time.monotonic() + 10
        while lock.stat().st_mtime == 0 and time.monotonic() < limit:
            time.sleep(0.01)
        assert lock.stat().st_mtime > 0


def test_a_run_over_which_processes_keep_dying_fails(tmp_path: Path) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    for _ in range(DEATHS):
        write_lock(ledger, one, machine=machine(), pid=2**22 + 1)
        with ledger.claim(one):
            pass
    assert ledger.state(one) == FAILED
    assert "died 3 times" in ledger.attempt(one)["error"]


def test_a_dead_attempt_is_found_again_or_discarded(tmp_path: Path) -> None:
    ledger, one = Ledger(tmp_path), entry(tmp_path)
    with ledger.claim(one) as claim:
        assert claim is not None
        first = Run.create(one.config)
        claim.began(first)
    with ledger.claim(one) as claim:
        assert claim is not None
        assert claim.unfinished().path == first.path.resolve()  # type: ignore[union-attr]
        claim.discard()
        assert claim.unfinished() is None
        assert not first.path.exists()


def test_started_tells_processes_apart() -> None:
    assert started(os.getpid()) == started(os.getpid()) != ""
    assert started(2**22 + 1) == ""


def test_of_many_processes_that_want_a_run_one_gets_it(tmp_path: Path) -> None:
    ledger, entries = Ledger(tmp_path), [entry(tmp_path, seed) for seed in range(5)]
    for one in entries:  # each lock was left by a dead process
        write_lock(ledger, one, machine=machine(), pid=2**22 + 1)
    children = []
    for number in range(6):
        child = os.fork()
        if child == 0:
            try:
                mine = Ledger(tmp_path)
                for one in entries:
                    with mine.claim(one) as claim:
                        if claim is not None:
                            (tmp_path / f"{one.key}.{number}").touch(exist_ok=False)
                            finish(mine, one)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    for one in entries:
        assert len(list(tmp_path.glob(f"{one.key}.*"))) == 1
        assert ledger.state(one) == DONE
