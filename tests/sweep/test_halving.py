"""Screening by halves: what each configuration is given, and what becomes of those that are stopped."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mtl.cli.compare import run
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.study_arguments import read_study
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.sweep.halving import Rung, rungs
from mtl.training.budget import Budget

MODELS = "models=[hard,gated,soft,cross_stitch,film]"
TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "encoder.widths=[6]",
    "batch_size=12",
    "epochs=3",
    "patience=null",
    "validate_every=1",
    MODELS,
    "weightings=[equal]",
    "looks=[1]",
    "baselines=[]",
    "workers=0",
    "replicas=1",
    "logger=csv",  # drawing takes most of the time of such a run
]


@pytest.fixture(autouse=True)
def _quiet(no_figures: None) -> None:
    set_process_defaults()


@pytest.mark.parametrize(
    ("configurations", "kept"), [(1, [1]), (2, [1]), (3, [2, 1]), (4, [2, 1]), (5, [3, 2, 1]), (9, [5, 3, 1])]
)
def test_half_of_them_go_on_twice_and_never_fewer_than_two(configurations: int, kept: list[int]) -> None:
    """After half of the first training, after the whole of it, and after that of every seed."""
    found = rungs([4, 7], configurations, halving=True)
    assert [one.keep for one in found] == kept
    assert [one.part for one in found] == {1: [1], 2: [2, 1], 3: [2, 1, 1]}[len(kept)]
    assert found[-1] == Rung((4, 7), 1, 1)
    assert all(one.seeds == (4,) for one in found[:-1])
    assert rungs([4, 7], configurations, halving=False) == [Rung((4, 7), 1, 1)]


@pytest.mark.parametrize(
    ("budget", "until"),
    [
        (Budget(12, 1, "steps"), 6),
        (Budget(12, 4, "steps"), 8),
        (Budget(2, 1, "epochs"), 1),
        (Budget(1, 1, "epochs"), None),
    ],
)
def test_a_run_is_paused_at_a_validation_after_half(budget: Budget, until: int | None) -> None:
    assert Rung((0,), 2, 2).until(budget) == until
    assert Rung((0,), 1, 2).until(budget) is None


def compare(path: Path, *arguments: str) -> str:
    out = StringIO()
    assert run(read_study([*TINY, f"output={path}", *arguments]), "the command", Console(file=out, width=160)) == 0
    return out.getvalue()


def content(path: Path, name: str) -> dict[str, Any]:
    (folder,) = (path / "comparisons").iterdir()
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


def results(path: Path) -> dict[str, Any]:
    """What came of each finished run but for how long it took."""
    found = {}
    for file in path.rglob("result.json"):
        one = json.loads(file.read_text())
        found[one["run_id"]] = one["metrics"], one["selection"], one["steps"]
    return found


@pytest.mark.smoke
def test_the_worse_half_is_stopped_and_the_others_have_the_numbers_of_an_undisturbed_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = compare(tmp_path / "halves")
    assert "available" not in capfd.readouterr().err  # what Lightning says of the machine
    plan, ledger, summary = (content(tmp_path / "halves", name) for name in ("plan.json", "looks.json", "summary.json"))
    early, late = ([one for one in ledger["stopped"] if one["rung"] == rung] for rung in (0, 1))
    assert len(early) == 2
    assert len(late) == 1
    assert all(one["epochs"] == 2 and one["score"] >= one["last_score"] for one in early)
    for one in early:  # every number in a table traces to a run directory
        assert (Path(one["run"]) / "state").read_text().strip() == "pruned"
        assert not (Path(one["run"]) / "result.json").exists()
    seeds: dict[str, list[int]] = {}
    for one in plan["runs"]:
        seeds.setdefault(one["label"], []).append(one["seed"])
    assert not {one["label"] for one in early} & set(seeds)
    assert seeds[late[0]["label"]] == [0]
    assert seeds["single_task"] == seeds[summary["verdict"]["best"]] == [0, 1, 2]
    assert not summary["problems"]
    assert "5 configurations, half of the training, seed 0" in said
    (folder,) = (tmp_path / "halves/comparisons").iterdir()
    page, text = ((folder / name).read_text() for name in ("report.html", "report.md"))
    for one in early:
        assert one["run"] in page
        assert f"| {one['label']} | 2 |" in text

    assert f"for {len(plan['runs']) + 2} of {len(plan['runs']) + 2} runs" in plan["took"]
    finished = results(tmp_path / "halves")
    assert len(finished) == 2 + 2 + 3 + 2
    (paused,) = [one for one in plan["runs"] if one["label"] == summary["verdict"]["best"] and one["seed"] == 0]
    train(Run.open(paused["path"]).config.changed(output=str(tmp_path / "whole"), resume=None))
    assert results(tmp_path / "whole").items() <= finished.items()

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.ckpt")}
    compare(tmp_path / "halves")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.ckpt")} == before
    assert content(tmp_path / "halves", "looks.json") == ledger


@pytest.mark.smoke
def test_a_run_that_failed_is_no_worse_run_that_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report names it among the problems."""
    import mtl.lifecycle.train as training

    def broken(config: RunConfig, **more: Any) -> Any:
        if config.choices.model == "gated":
            raise RuntimeError("the disk is full")
        return train(config, **more)

    monkeypatch.setattr(training, "train", broken)
    study = read_study([*TINY, "models=[hard,gated,soft]", f"output={tmp_path}"])
    assert run(study, "the command", Console(file=StringIO(), width=160)) == 1
    summary, ledger = content(tmp_path, "summary.json"), content(tmp_path, "looks.json")
    assert [one["label"] for one in ledger["stopped"]] == ["gated-equal"]
    assert ledger["stopped"][0]["epochs"] is None
    (problem,) = summary["problems"]
    assert problem["path"] == "gated-equal, seed 0"
    assert "the disk is full" in problem["reason"]
