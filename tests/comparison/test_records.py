"""Runs as records: what is broken or foreign is named and left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtl.comparison.records import read, record


def result(seed: int = 0, model: str = "hard", **more: Any) -> dict[str, Any]:
    choices = {"task": "s", "model": model, "weighting": "equal"}
    return {
        "schema": 1,
        "choices": choices,
        "seed": seed,
        "config": {"choices": choices, "model": {"_target_": model}, "epochs": 3, "seed": seed, "output": "somewhere"},
        "data": {"fingerprint": "f"},
        "tasks": {"a": {"primary": "r2", "higher_is_better": True}},
        "metrics": {"val": {"a/r2": 0.4, "score": 1.0}, "test": {"a/r2": 0.5}},
        "parameters": {"total": 10},
        "seconds": {"fit": 2.0},
        "peak_memory_bytes": 5,
        "execution": {"gap": 0.1, "where": "text"},
        "environment": {"python": "3"},
        **more,
    }


def write(path: Path, content: Any) -> Path:
    path.mkdir(parents=True)
    (path / "result.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_record_by_hand(tmp_path: Path) -> None:
    one = record(write(tmp_path / "r", result()))
    assert one.test == {"a": 0.5}
    assert one.val == {"a": 0.4}
    assert one.execution == {"gap": 0.1}
    assert one.inference != one.inference  # was not measured


def test_a_number_that_was_not_finite_is_not_measured(tmp_path: Path) -> None:
    one = record(write(tmp_path / "r", result(metrics={"val": {"a/r2": None, "score": None}, "test": {}})))
    assert one.val["a"] != one.val["a"]
    assert one.test["a"] != one.test["a"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", json.dumps({**result(), "schema": 99}), json.dumps({**result(), "metrics": 3})],
    ids=["empty", "cut", "list", "nothing", "version", "garbled"],
)
def test_a_damaged_result_is_named(tmp_path: Path, content: str) -> None:
    write(tmp_path / "good", result())
    write(tmp_path / "bad", content)
    records, problems = read([tmp_path])
    assert len(records) == 1
    assert [Path(problem.path).name for problem in problems] == ["bad"]
    assert "result.json" in problems[0].reason


def test_foreign_runs_repeated_runs_and_unfinished_ones(tmp_path: Path) -> None:
    write(tmp_path / "a", result())
    write(tmp_path / "a-2", result())
    write(tmp_path / "b", result(seed=1))
    write(tmp_path / "foreign", result(data={"fingerprint": "other"}))
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


def test_runs_whose_tasks_have_another_primary_metric_are_another_question(tmp_path: Path) -> None:
    for seed in range(2):
        write(tmp_path / f"r2-{seed}", result(seed=seed))
    tasks = {"a": {"primary": "mae", "higher_is_better": False}}
    write(tmp_path / "mae", result(seed=2, tasks=tasks, metrics={"val": {"score": 1.0}, "test": {"a/mae": 3.0}}))
    records, (problem,) = read([tmp_path])
    assert [one.seed for one in records] == [0, 1]
    assert problem.reason == "another question: suite s, tasks a (mae), or other data"
