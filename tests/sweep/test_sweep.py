"""Sweeps: what is missing is done, failures are recorded, and kill -9 at any moment loses nothing."""

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mtl.config import targets
from mtl.config.process import set_process_defaults
from mtl.config.signals import Interrupted, exit_code, signals_interrupt
from mtl.config.study_arguments import read_study
from mtl.runs.directory import Run, run_path
from mtl.sweep.plan import Plan
from mtl.sweep.planner import Planner
from mtl.sweep.queue import DONE, FAILED, QueuedRun, RunQueue
from mtl.sweep.stop_flag import StopFlag
from mtl.sweep.workers import do_runs, sweep
from tests.support import tiny

TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "encoder.widths=[6]",
    "batch_size=12",
    "epochs=4",
    "models=[hard]",
    "weightings=[equal,uncertainty]",
    "baselines=[]",
    "logger=csv",  # drawing takes most of the time of such a run
]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    set_process_defaults()


def plan_of(path: Path, *arguments: str) -> Plan:
    planner = Planner(read_study([*TINY, f"output={path}", *arguments]))
    return planner.plan([planner.single_task(), *planner.multi_task()], planner.study.deciding_seeds)


def numbers(plan: Plan) -> dict[str, Any]:
    """What came of each run but for how long it took."""
    queue = RunQueue(plan.output)
    found = {}
    for entry in plan.entries:
        run = queue.done(entry)
        assert run is not None
        found[entry.key] = run.result.metrics, run.result.selection, run.result.steps
    return found


@pytest.mark.smoke
def test_a_sweep_does_what_is_missing_and_nothing_twice(tmp_path: Path) -> None:
    sweep(plan_of(tmp_path, "seeds=1", "weightings=[equal]").entries, tmp_path, 0)
    first = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(first) == 2
    plan = plan_of(tmp_path, "seeds=2", "weightings=[equal]")
    sweep(plan.entries, tmp_path, 0)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(after) == 4
    assert first.items() <= after.items()


@pytest.mark.smoke
def test_runs_of_one_shape_are_trained_at_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "seeds=2", "epochs=1")
    sweep(plan.entries, tmp_path, 0, replicas=2)
    queue = RunQueue(tmp_path)
    found = [run.result for run in map(queue.done, plan.entries) if run is not None]
    together = {f"{one.choices.model}-{one.choices.weighting}": one.replicas for one in found}
    assert together == {"single_task-equal": 2, "hard-equal": 2, "hard-uncertainty": 2}
    assert len(found) == 6
    assert not list(queue.path.glob("*.lock"))


@pytest.mark.smoke
def test_a_failing_run_is_recorded_and_the_others_go_on_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(tmp_path, "seeds=1", "models=['hard encoder.activation=silu']", "weightings=[equal]")
    import mtl.lifecycle.train as training

    train = training.train

    def broken(config: dict[str, Any], **more: Any) -> dict[str, Any]:
        if config.encoder["activation"] == "silu":
            raise RuntimeError("the disk is\nfull")
        return train(config, **more)

    monkeypatch.setattr(training, "train", broken)
    monkeypatch.setattr(targets, "imported", set())  # else the error is one of own code, where a test has used such
    sweep(plan.entries, tmp_path, 0)
    queue = RunQueue(tmp_path)
    assert [queue.state(entry) for entry in plan.entries] == [DONE, FAILED]
    assert queue.attempt(plan.entries[-1])["error"] == "RuntimeError: the disk is full"
    assert "broken" in queue.attempt(plan.entries[-1])["trace"]
    monkeypatch.setattr(training, "train", train)
    sweep(plan.entries, tmp_path, 0)
    assert queue.state(plan.entries[-1]) == DONE


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["hard", "trees"])
def test_a_run_whose_data_have_changed_since_the_plan_fails_before_it_is_trained(tmp_path: Path, model: str) -> None:
    """It would be no answer, and the same run would be trained again and again."""
    config = tiny(tmp_path, f"model={model}")
    planned = QueuedRun(config, "of before")
    sweep([planned], tmp_path, 0)
    queue = RunQueue(tmp_path)
    assert queue.state(planned) == FAILED
    assert "the data have changed since this was planned" in queue.attempt(planned)["error"]
    assert not run_path(config).exists()


def test_fail_fast_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tmp_path, "seeds=1")
    monkeypatch.setattr("mtl.lifecycle.train.train", lambda *_, **__: 1 / 0)
    sweep(plan.entries, tmp_path, 0, fail_fast=True)
    queue = RunQueue(tmp_path)
    assert [queue.state(entry) for entry in plan.entries] == [FAILED, "pending", "pending"]
    assert queue.attempt(plan.entries[0])["error"] == "ZeroDivisionError: division by zero"


@pytest.mark.smoke
def test_a_run_of_the_training_command_counts(tmp_path: Path) -> None:
    from mtl.lifecycle.train import train

    plan = plan_of(tmp_path, "seeds=1")
    train(plan.entries[0].config.changed(threads=1))
    assert RunQueue(tmp_path).state(plan.entries[0]) == DONE


def in_child(plan: Plan) -> int:
    """Start the sweep in a process of its own (a fork, since importing torch takes longer than these runs)."""
    child = os.fork()
    if child:
        return child
    try:
        do_runs(plan.entries, plan.output, 1, StopFlag(multiprocessing.get_context("spawn")), fail_fast=False)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.campaign
def test_a_sweep_killed_at_random_moments_ends_with_the_numbers_of_an_undisturbed_one(tmp_path: Path) -> None:
    calm, plan = plan_of(tmp_path / "calm", "seeds=2"), plan_of(tmp_path / "killed", "seeds=2")
    started = time.monotonic()
    sweep(calm.entries, calm.output, 0)
    each = (time.monotonic() - started) / len(calm.entries)
    queue, draw, kills = RunQueue(plan.output), random.Random(5), 0
    for turn in range(60):
        for entry in plan.entries:  # what starting the command again does first
            queue.forget_failure(entry)
        team = [in_child(plan) for _ in range(2)]
        time.sleep(draw.uniform(0.05, 1.0) * each)
        for child in team:
            if turn < 6 or draw.random() < 0.5:
                os.kill(child, signal.SIGKILL)
        kills += sum(os.waitpid(child, 0)[1] == signal.SIGKILL for child in team)
        if all(queue.state(entry) == DONE for entry in plan.entries):
            break
    sweep(plan.entries, plan.output, 0)
    assert kills >= 6
    assert numbers(plan) == numbers(calm)
    results = [json.loads(path.read_text())["run_id"] for path in plan.output.rglob("result.json")]
    assert len(results) == len(set(results)) == len(plan.entries)  # every run is there once
    assert not list((plan.output / "queue").glob("*.lock"))


@pytest.mark.slow
def test_worker_processes_share_the_runs_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """Also where a database says who is at which."""
    address = f"sqlite:///{tmp_path / 'leases.db'}"
    plan = plan_of(tmp_path, "seeds=1", "weightings=[equal]", f"leases={address}")
    queue, killed = RunQueue(tmp_path, address), []

    def kill_one() -> None:
        with closing(sqlite3.connect(tmp_path / "leases.db")) as database:
            holders = [json.loads(holder) for (holder,) in database.execute("SELECT holder FROM mtl_leases")]
        if not killed and holders:
            victim = holders[0]["pid"]
            assert victim != os.getpid()
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    sweep(plan.entries, tmp_path, 2, watch=kill_one, leases=address)
    assert killed
    assert not list(tmp_path.glob("queue/*.lock"))
    assert {queue.state(entry) for entry in plan.entries} == {DONE}
    assert len(list(tmp_path.rglob("result.json"))) == len(plan.entries)


@pytest.mark.slow
def test_a_sweep_that_is_told_to_end_ends_its_workers(tmp_path: Path) -> None:
    """Their runs are interrupted with their last checkpoint, and no process counts as dead."""
    endless = ("epochs=100000", "steps=null", "patience=null", "validate_every=1", "seeds=1", "weightings=[equal]")
    plan = plan_of(tmp_path, *endless)

    def end() -> None:
        if list(tmp_path.glob("runs/*/*/*/last.ckpt")):
            os.kill(os.getpid(), signal.SIGTERM)

    with signals_interrupt(), pytest.raises(Interrupted) as stop:
        sweep(plan.entries, tmp_path, 1, watch=end)
    assert exit_code(stop.value) == 128 + signal.SIGTERM
    (run,) = tmp_path.glob("runs/*/*/*")
    assert Run.open(run).state == "interrupted"
    assert not list(tmp_path.glob("queue/*.lock"))
    assert not any(RunQueue(tmp_path).attempt(entry).get("deaths") for entry in plan.entries)
