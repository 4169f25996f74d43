"""Runs as records: what is broken or foreign is named and left out."""

import json
from pathlib import Path

import pytest

from mtl.comparison.records import labels, read, record
from mtl.comparison.report.curves import curve, logged, mean_of
from tests.results import run_result, write_result


def write(path: Path, content: str) -> Path:
    path.mkdir(parents=True)
    (path / "result.json").write_text(content, encoding="utf-8")
    return path


def test_a_record_by_hand(tmp_path: Path) -> None:
    one = record(write_result(tmp_path / "r", run_result()))
    assert one.test == {"a": 0.5}
    assert one.val == {"a": 0.4}
    assert one.execution == {"gap": 0.1}
    assert one.inference == 0.1


def test_a_number_that_was_not_finite_is_not_measured(tmp_path: Path) -> None:
    nothing = {"val": {"score": None, "tasks": {"a": {"r2": None}}}, "test": {"score": None, "tasks": {}}}
    one = record(write_result(tmp_path / "r", run_result(metrics=nothing)))
    assert one.score != one.score
    assert one.val["a"] != one.val["a"]
    assert one.test["a"] != one.test["a"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({**run_result().plain(), "schema": 99}),
        json.dumps({**run_result().plain(), "schema": 1}),
        json.dumps({**run_result().plain(), "metrics": 3}),
    ],
    ids=["empty", "cut", "list", "nothing", "version", "old version", "garbled"],
)
def test_a_damaged_result_is_named(tmp_path: Path, content: str) -> None:
    write_result(tmp_path / "good", run_result())
    write(tmp_path / "bad", content)
    records, problems = read([tmp_path])
    assert len(records) == 1
    assert [Path(problem.path).name for problem in problems] == ["bad"]
    assert "result.json" in problems[0].reason


def test_foreign_runs_repeated_runs_and_unfinished_ones(tmp_path: Path) -> None:
    write_result(tmp_path / "a", run_result())
    write_result(tmp_path / "a-2", run_result())
    write_result(tmp_path / "b", run_result("seed=1"))
    write_result(tmp_path / "foreign", run_result(data={"fingerprint": "other", "rows": {}}))
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / "config.yaml").touch()
    (dead / "state").write_text("running\n")
    records, problems = read([tmp_path, tmp_path / "nowhere"])
    assert [one.path.name for one in records] == ["a", "b"]
    reasons = {Path(problem.path).name: problem.reason for problem in problems}
    assert reasons["dead"] == "unfinished: running"
    assert reasons["nowhere"] == "no such directory"
    assert reasons["foreign"].startswith("another question")


def test_labels_tell_apart_what_differs_and_nothing_else(tmp_path: Path) -> None:
    write_result(tmp_path / "a", run_result("epochs=3"))
    write_result(tmp_path / "b", run_result("epochs=9", "output=elsewhere", "threads=1"))
    write_result(tmp_path / "c", run_result("model=soft"))
    records, _ = read([tmp_path])
    assert sorted(labels(records).values()) == ["hard-equal epochs=3", "hard-equal epochs=9", "soft-equal"]


def test_logs_of_a_resumed_run_are_one_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv-2").mkdir()
    (tmp_path / "csv" / "metrics.csv").write_text("epoch,step,x\n0,1,1.0\n,2,2.0\n,3,nan\n,4")
    (tmp_path / "csv-3").mkdir()
    (tmp_path / "csv-3" / "metrics.csv").write_bytes(b"\xff\xfe\x00,step\n\xff")  # damaged: says nothing
    (tmp_path / "csv-2" / "metrics.csv").write_text("epoch,step,x\n,2,5.0\n1,4,7.0\n")
    assert logged(tmp_path) == {"x": {1: 1.0, 2: 5.0, 4: 7.0}}
    assert logged(tmp_path / "nothing") == {}


def test_a_curve_is_over_the_steps_that_all_seeds_have() -> None:
    runs = [{"x": {1: 1.0, 2: 2.0}}, {"x": {1: 3.0, 3: 9.0}}, {"y": {1: 0.0}}]
    found = curve(runs, "x")
    assert found is not None
    assert (found.steps.tolist(), found.mean.tolist(), found.low.tolist(), found.high.tolist()) == (
        [1],
        [2.0],
        [1.0],
        [3.0],
    )
    assert curve(runs, "z") is None
    assert mean_of(runs, "x") == 15 / 4
