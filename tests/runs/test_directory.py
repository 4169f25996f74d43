"""The run ledger: ids, directories that are never overwritten, files written whole, and the documented result."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.assembly import configure, load, read_checkpoint, read_config
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.directory import SCHEMA, Run, newest
from mtl.runs.files import write_text
from mtl.runs.identity import run_id
from tests.support import tiny

DOCUMENT = Path(__file__).parents[2] / "docs" / "result.md"


def test_id_is_of_the_question_not_of_the_whereabouts() -> None:
    """Where and how fast do not matter; everything else does."""
    base = run_id(configure("task=synthetic"))
    assert re.fullmatch("[0-9a-f]{10}", base)
    for same in ("output=elsewhere", "threads=3", "hardware=ddp_cpu", "progress=false", "seed=0"):
        assert run_id(configure("task=synthetic", same)) == base, same
    others = [
        "seed=1",
        "epochs=3",
        "model=hard",
        "model.experts=3",
        "weighting=equal",
        "task.noise=0.2",
        "optimizer=sgd",
    ]
    others += [
        "grouping=auto",
        "grouping=[[task0,task1]]",
        "relations.depends_on={task1: [task0]}",
        "gradient_clip=null",
        "encoder.dropout=0.1",
        "accumulate=2",
    ]
    ids = [run_id(configure("task=synthetic", other)) for other in others]
    assert len({base, *ids}) == len(others) + 1


def test_the_same_command_never_destroys_an_earlier_run(tmp_path: Path) -> None:
    """The second gets a number, and the same numbers: same seed, same result, within one process."""
    first, second = (train(tiny(tmp_path, "encoder.dropout=0.2")) for _ in range(2))
    assert Path(second["directory"]).name == f"{first['run_id']}-2" == f"{Path(first['directory']).name}-2"
    assert second["metrics"] == first["metrics"]
    a, b = (read_checkpoint(Path(result["directory"]) / "last.ckpt")["state_dict"] for result in (first, second))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert newest(tmp_path).path == Path(second["directory"])


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither a half of it nor the loss of the one before."""
    path = tmp_path / "file"
    write_text(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "after \ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_another_seed_gives_other_numbers(tmp_path: Path) -> None:
    """And 0 is a seed like any other."""
    results = [train(tiny(tmp_path, f"seed={seed}", "epochs=1")) for seed in (0, 1, 0)]
    assert results[0]["metrics"] == results[2]["metrics"] != results[1]["metrics"]
    assert [result["seed"] for result in results] == [0, 1, 0]


def documented() -> dict[str, str]:
    """Path and type of every key in the table of docs/result.md."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {path: kind.strip() for path, kind in rows}


def described(node: Any, path: str, table: dict[str, str]) -> None:
    """Assert that a value and all below it stand in the table with their type."""
    assert path in table, f"{path} is not documented"
    kinds = {"text": str, "whole number": int, "number": float, "true or false": bool, "object": dict, "list": list}
    if table[path] == "any":
        return
    assert type(node) is kinds[table[path]], f"{path} is {type(node).__name__}, documented as {table[path]}"
    if isinstance(node, dict):
        for key, value in node.items():
            exact = f"{path}.{key}"
            described(value, exact if exact in table else f"{path}.*", table)


def test_result_is_as_documented(tmp_path: Path) -> None:
    """Every key and type of result.json stands in docs/result.md, and the reverse; it is strict JSON."""
    result = train(tiny(tmp_path, "weighting=gradnorm"))

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    path = Path(result["directory"]) / "result.json"
    stored = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert stored == json.loads(json.dumps(result, default=str)) == Run.open(path.parent).result
    table = documented()
    for key, value in stored.items():
        described(value, key, table)
    for key in table:
        place, _, name = key.rpartition(".")
        if "*" not in key and not key.startswith(("execution", "affinity")):
            node = stored
            for part in filter(None, place.split(".")):
                node = node[part]
            assert name in node, f"{key} is documented and missing"
    assert stored["schema"] == SCHEMA
    assert stored["status"] == Run.open(path.parent).state == "done"
    assert stored["parameters"]["total"] == stored["parameters"]["shared"] + sum(
        stored["parameters"]["private"].values()
    )
    assert read_config(Run.open(path.parent)) == stored["config"]


def test_a_run_leaves_what_it_says(tmp_path: Path) -> None:
    """Config, state, two checkpoints, logs and result; checkpoints hold tensors and plain values only."""
    result = train(tiny(tmp_path, "log_every=1"))
    run = Run.open(result["directory"])
    assert {path.name for path in run.path.iterdir()} == {
        "config.yaml", "state", "best.ckpt", "last.ckpt", "csv", "tensorboard", "result.json",
    }  # fmt: skip
    header = (run.path / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    for tag in ("train/task0/loss", "val/task0/loss", "val/task0/r2", "val/score", "weight/task0", "mixture/task0/0"):
        assert tag in header
    module = load(run.path).module
    assert not module.training
    best = read_checkpoint(run.best)
    assert best["epoch"] == result["selection"]["epoch"]
    assert all(torch.equal(value, best["state_dict"][name]) for name, value in module.state_dict().items())


def test_best_checkpoint_is_the_best_epoch(tmp_path: Path) -> None:
    """By the documented selection, and the result's validation score is its score."""
    result = train(tiny(tmp_path, "epochs=6", "optimizer.lr=0.3", "scheduler=none"))
    rows = (Path(result["directory"]) / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("val/score")
    scores = [float(cells[column]) for row in rows[1:] if (cells := row.split(","))[column]]
    assert len(scores) == 6
    assert (result["selection"]["metric"], result["selection"]["mode"]) == ("val/score", "min")
    assert result["selection"]["epoch"] == scores.index(min(scores))
    assert result["metrics"]["val"]["score"] == pytest.approx(min(scores), rel=1e-5)


def test_files_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong on the way, the old content stays."""
    path = tmp_path / "file"
    write_text(path, "old")

    def broken(self: Path, target: Path) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(OSError, match="no space"):
            write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


def test_damaged_results_say_so(tmp_path: Path) -> None:
    """One line each."""
    (tmp_path / "config.yaml").write_text("a: 1", encoding="utf-8")
    run = Run.open(tmp_path)
    assert run.state == ""
    with pytest.raises(InputError, match=r"has no result\.json: its state is 'unknown'"):
        _ = run.result
    (tmp_path / "result.json").write_text('{"a": ', encoding="utf-8")
    with pytest.raises(InputError, match=r"result\.json' is damaged"):
        _ = run.result
    with pytest.raises(InputError, match="no finished run under"):
        newest(tmp_path / "none")
