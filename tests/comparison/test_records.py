"""Runs as records: what is broken or foreign is named and left out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mtl.comparison.records import comparable, read, record
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
    assert reasons["foreign"].startswith("other data than most runs here (fingerprint other, not ")


def test_runs_whose_tasks_have_another_primary_metric_are_another_question(tmp_path: Path) -> None:
    for seed in range(2):
        write_result(tmp_path / f"r2-{seed}", run_result(f"seed={seed}"))
    tasks = {"a": {"primary": "mae", "higher_is_better": False}}
    nothing = {"score": 1.0, "tasks": {}}
    mae = {"val": nothing, "test": {"score": 1.0, "tasks": {"a": {"mae": 3.0}}}}
    write_result(tmp_path / "mae", run_result("seed=2", tasks=tasks, metrics=mae))
    records, (problem,) = read([tmp_path])
    assert [one.seed for one in records] == [0, 1]
    assert problem.reason == "another question: suite synthetic, tasks a (mae)"


def test_runs_whose_rows_count_otherwise_are_another_question(tmp_path: Path) -> None:
    """A weighted metric is none of the rows alike, although the rows are the same."""
    runs = [record(write_result(tmp_path / str(seed), run_result(f"seed={seed}"))) for seed in range(4)]
    weighted = [
        replace(one, config={**one.config, "task": {**one.config["task"], "row_weight": column}})
        for one, column in zip(runs, ("w", "w", "w", None), strict=True)
    ]
    found, (problem,) = comparable(weighted, [])
    assert [one.seed for one in found] == [0, 1, 2]
    assert problem.reason.endswith(", task.row_weight null in place of 'w'")
