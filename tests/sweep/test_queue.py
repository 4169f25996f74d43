"""The queue under concurrency, crash and damage."""

import json
import os
import socket
import time
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from mtl.config.compose import configure
from mtl.config.run_config import SCHEMA, RunConfig
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.runs import lock as run_lock
from mtl.runs.checkpoint import write_checkpoint
from mtl.runs.directory import Run
from mtl.runs.files import read_json, write_json
from mtl.runs.identity import run_id
from mtl.runs.lock import machine_id
from mtl.sweep import workers
from mtl.sweep.database_leases import DatabaseLeases
from mtl.sweep.leases import Lease
from mtl.sweep.queue import DEATHS, DONE, FAILED, PENDING, RUNNING, Claim, QueuedRun, RunQueue
from mtl.sweep.stop_flag import StopFlag
from tests.results import run_result, write_result


@cache
def config() -> RunConfig:
    return configure("task=synthetic", "model=hard")


def entry(path: Path, seed: int = 0, fingerprint: str = "data") -> QueuedRun:
    return QueuedRun(config().changed(output=str(path), seed=seed), fingerprint)


def finish(
    queue: RunQueue, one: QueuedRun, fingerprint: str = "data", schema: int = SCHEMA, of: str | None = None
) -> Run:
    run = Run.create(one.config)
    result = run_result(data={"fingerprint": fingerprint, "rows": {}}, run_id=of or run_id(one.config)).plain()
    run.path.rmdir()
    write_json(write_result(run.path, RunResult.read(result)) / "result.json", {**result, "schema": schema})
    return run


def write_lock(queue: RunQueue, one: QueuedRun, **values: Any) -> Path:
    lock = queue.path / f"{one.key}.lock"
    lock.write_text(json.dumps({"token": "x", "machine": "elsewhere", "pid": 1, "started": "1", **values}))
    return lock


def test_a_stack_is_filled_with_runs_that_nobody_is_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that begin together have a full stack each, and not a part of the first runs."""
    entries, trained = [entry(tmp_path, seed) for seed in range(4)], []

    def note(claims: list[Claim], threads: int) -> None:
        trained.append([claim.entry.config.seed for claim in claims])

    monkeypatch.setattr(workers, "do_at_once", note)
    monkeypatch.setattr(workers, "do_run", lambda claim, threads: note([claim], threads))
    with RunQueue(tmp_path).claim(entries[0]):
        workers.do_runs(entries, tmp_path, 1, StopFlag(get_context()), fail_fast=False, replicas=2)
    assert trained == [[1, 2], [3]]


def test_states(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    assert queue.state(one) == PENDING
    with queue.claim(one) as claim:
        assert claim is not None
        assert queue.state(one) == RUNNING
        queue.fail(one, "broken", "trace")
    assert queue.state(one) == FAILED
    queue.forget_failure(one)
    assert queue.state(one) == PENDING
    run = finish(queue, one)
    assert queue.state(one) == DONE
    assert queue.done(one).path == run.path  # type: ignore[union-attr]


def test_done_failed_and_held_runs_are_not_granted(tmp_path: Path) -> None:
    queue = RunQueue(tmp_path)
    done, failed, held = (entry(tmp_path, seed) for seed in range(3))
    finish(queue, done)
    queue.fail(failed, "broken")
    with queue.claim(held) as first:
        assert first is not None
        for one in (done, failed, held):
            with RunQueue(tmp_path).claim(one) as claim:
                assert claim is None
    with queue.claim(held) as again:
        assert again is not None


def test_what_was_done_until_the_lease_was_taken_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process, which has given it back in the moment between the question and the lease."""
    queue, one, other = RunQueue(tmp_path), entry(tmp_path), entry(tmp_path, seed=1)
    take = queue.leases.take

    def finish_first(key: str) -> Lease | None:
        if key == one.key:
            finish(RunQueue(tmp_path), one)
        else:
            RunQueue(tmp_path).fail(other, "broken")
        return take(key)

    monkeypatch.setattr(queue.leases, "take", finish_first)
    for each in (one, other):
        with queue.claim(each) as claim:
            assert claim is None
    assert queue.leases.held([one.key, other.key]) == set()


def test_where_a_run_is(tmp_path: Path) -> None:
    """That which answers, else the last attempt that is there."""
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    assert queue.directory(one) is None
    begun = Run.create(one.config)
    queue.record_attempt(one, begun)
    assert queue.directory(one) == begun.path.resolve()
    assert queue.known(one) is None
    done = finish(queue, one)
    assert queue.directory(one) == done.path != begun.path
    assert queue.known(one).path == done.path  # type: ignore[union-attr]
    gone = entry(tmp_path, seed=2)
    queue.record_attempt(gone, Run(tmp_path / "gone"))
    assert queue.directory(gone) is None


def test_data_that_have_changed_since_the_plan_are_said(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    with queue.claim(one) as claim:
        assert claim is not None
        run = Run.create(one.config)
        run.fingerprint = "of now"
        with pytest.raises(InputError, match=r"the data have changed since .* \(fingerprint of now, was data\)"):
            claim.on_run_created(run)
        assert queue.attempt(one) == {}


def test_a_result_of_other_data_or_a_damaged_one_is_no_answer(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    finish(queue, one, fingerprint="other")
    second = finish(queue, one)
    (second.path / "result.json").write_text("{")
    finish(queue, one, of="0123456789")  # whose config was changed by hand, and then gone on with
    assert queue.state(one) == PENDING
    with queue.claim(one) as claim:
        assert claim is not None
        assert Run.create(one.config).path.name == f"{run_id(one.config)}-4"  # nothing is overwritten


def test_a_result_of_another_schema_is_no_answer(tmp_path: Path) -> None:
    """What the report cannot read has to be done again."""
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    finish(queue, one, schema=SCHEMA + 1)
    assert queue.state(one) == PENDING
    finish(queue, one)
    assert queue.state(one) == DONE


def test_runs_on_data_with_alike_fingerprints_are_kept_apart(tmp_path: Path) -> None:
    queue = RunQueue(tmp_path)
    first, second = (entry(tmp_path, fingerprint=f"customers-{version}") for version in (1, 2))
    finish(queue, first, fingerprint=first.fingerprint)
    assert queue.state(first) == DONE
    assert queue.state(second) == PENDING
    queue.fail(second, "broken")
    assert queue.state(first) == DONE
    assert queue.attempt(first) == {}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"], ids=["empty", "cut", "list", "null"])
def test_damaged_files_of_the_queue_do_not_stop_it(tmp_path: Path, text: str) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    (queue.path / f"{one.key}.json").write_text(text)
    (queue.path / f"{one.key}.lock").write_text(text)
    assert queue.state(one) == PENDING
    with queue.claim(one) as claim:
        assert claim is not None


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    # This process number lives, but it is not the process that wrote the lock: it start_time at another time
    write_lock(queue, one, machine=machine_id(), pid=os.getpid(), started=0.0)
    assert queue.state(one) == PENDING
    with queue.claim(one) as claim:
        assert claim is not None
        assert queue.attempt(one)["deaths"] == 1


@pytest.mark.parametrize("where", ["elsewhere", f"{socket.gethostname()} another boot"], ids=["name", "boot"])
def test_a_lock_of_another_machine_lives_as_long_as_its_heart_beats(tmp_path: Path, where: str) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    lock = write_lock(queue, one, machine=where, pid=2**22 + 1)  # no such process here, which says nothing
    assert queue.state(one) == RUNNING
    with queue.claim(one) as claim:
        assert claim is None
    old = time.time() - run_lock.STALE - 1
    os.utime(lock, (old, old))
    assert queue.state(one) == PENDING
    with queue.claim(one) as claim:
        assert claim is not None
        assert read_json(lock)["machine"] == machine_id()
    assert queue.attempt(one)["deaths"] == 1


@pytest.mark.parametrize("lives", [False, True], ids=["dead", "alive"])
def test_a_run_of_another_machine_is_gone_on_with_when_its_own_lock_has_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    """That of the queue may end some seconds before, and the run would count as failed."""
    monkeypatch.setattr(run_lock, "STALE", 0.3)
    monkeypatch.setattr("mtl.lifecycle.resume.resumable_run", lambda config: None)
    monkeypatch.setattr("mtl.lifecycle.train.train", lambda config, **_: run_lock.check_free(Path(config.resume)))
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    run = Run.create(one.config)
    queue.record_attempt(one, run)
    lock = run.path / run_lock.LOCK
    lock.write_text('{"token": "x", "machine": "elsewhere"}')
    over = Event()
    touching = Thread(target=lambda: [os.utime(lock) for _ in iter(lambda: over.wait(0.05), True)])
    if lives:
        touching.start()
    workers.do_run(Claim(queue, one), 1)
    over.set()
    error = queue.attempt(one).get("error", "")
    assert ("is being trained by process" in error) if lives else not error


def test_a_clock_that_is_wrong_kills_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    write_lock(queue, one)
    ahead = time.time() + 10 * run_lock.STALE
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert queue.state(one) == RUNNING


def test_the_heart_beats_while_a_run_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "HEARTBEAT", 0.01)
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    with queue.claim(one):
        lock = queue.path / f"{one.key}.lock"
        os.utime(lock, (0, 0))
        limit = time.monotonic() + 10
        while lock.stat().st_mtime == 0 and time.monotonic() < limit:
            time.sleep(0.01)
        assert lock.stat().st_mtime > 0


def test_a_run_over_which_processes_keep_dying_fails(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    for _ in range(DEATHS):
        write_lock(queue, one, machine=machine_id(), pid=2**22 + 1)
        with queue.claim(one):
            pass
    assert queue.state(one) == FAILED
    assert "died 3 times" in queue.attempt(one)["error"]


def test_deaths_count_only_without_progress(tmp_path: Path) -> None:
    """A cluster may end a long run as often as it likes, as long as there is a new checkpoint each time."""
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    run = Run.create(one.config)
    queue.record_attempt(one, run)

    def die() -> int:
        write_lock(queue, one, machine=machine_id(), pid=2**22 + 1)
        with queue.claim(one):
            return int(queue.attempt(one)["deaths"])

    for epoch in range(2 * DEATHS):
        write_checkpoint(run.last, {"state_dict": {}, "epoch": epoch})
        assert die() == 1
    assert die() == 2
    run.last.unlink()  # which is no progress either
    assert die() == 3
    assert queue.state(one) == FAILED
    assert "died 3 times without progress" in queue.attempt(one)["error"]


def test_a_dead_attempt_is_found_again_or_discarded(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    with queue.claim(one) as claim:
        assert claim is not None
        first = Run.create(one.config)
        claim.on_run_created(first)
    with queue.claim(one) as claim:
        assert claim is not None
        assert claim.unfinished().path == first.path.resolve()  # type: ignore[union-attr]
        claim.discard()
        assert claim.unfinished() is None
        assert not first.path.exists()


def test_a_run_is_far_enough_where_it_was_paused_there_or_later(tmp_path: Path) -> None:
    """As long as there is something to go on with; of one that begins anew it has to be said again."""
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    asked = {until: replace(one, until=until) for until in (2, 3, 4, None)}

    def states() -> list[str]:
        return [queue.state(each) for each in asked.values()]

    run = Run.create(one.config)
    queue.record_attempt(one, run)
    write_checkpoint(run.last, {"state_dict": {}, "epoch": 2})
    assert states() == [PENDING] * 4
    queue.record_pause(asked[3])
    assert states() == [DONE, DONE, PENDING, PENDING]
    with queue.claim(asked[3]) as claim:
        assert claim is None
    with queue.claim(one) as claim:
        assert claim is not None
        claim.discard()
        assert states() == [RUNNING] * 4
        again = Run.create(one.config)
        assert again.path == run.path
        claim.on_run_created(again)
    assert states() == [PENDING] * 4
    queue.record_pause(asked[2])
    assert states() == [DONE, PENDING, PENDING, PENDING]
    again.path.rmdir()
    assert states() == [PENDING] * 4


def test_groups_that_a_dead_attempt_had_found_are_not_discarded(tmp_path: Path) -> None:
    """Who begins the run again has them, unless there is a checkpoint, which says more and cannot be gone on from."""
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    with queue.claim(one) as claim:
        assert claim is not None
        run = Run.create(one.config)
        claim.on_run_created(run)
        (run.path / "affinity.json").write_text("{}", encoding="utf-8")
        claim.discard()
        assert run.path.is_dir()
        write_checkpoint(run.last, {"state_dict": {}, "epoch": 0})
        claim.discard()
        assert not run.path.exists()


def test_a_damaged_queue_file_never_has_a_foreign_directory_removed(tmp_path: Path) -> None:
    queue, one = RunQueue(tmp_path), entry(tmp_path)
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    queue.record_attempt(one, Run(foreign))
    with queue.claim(one) as claim:
        assert claim is not None
        assert claim.unfinished() is None
        claim.discard()
    assert foreign.is_dir()


@pytest.mark.parametrize("kept", ["files", "database"])
def test_of_many_processes_that_want_a_run_one_gets_it(tmp_path: Path, kept: str) -> None:
    leases = None if kept == "files" else f"sqlite:///{tmp_path / 'leases.db'}"
    queue, entries = RunQueue(tmp_path, leases), [entry(tmp_path, seed) for seed in range(5)]
    for one in entries:  # each lease was left by a dead process
        if leases is None:
            write_lock(queue, one, machine=machine_id(), pid=2**22 + 1)
        elif os.fork() == 0:
            DatabaseLeases(leases, tmp_path).take(one.key)
            os._exit(0)
        else:
            os.wait()
    children = []
    for number in range(6):
        child = os.fork()
        if child == 0:
            try:
                mine = RunQueue(tmp_path, leases)
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
        assert queue.state(one) == DONE
