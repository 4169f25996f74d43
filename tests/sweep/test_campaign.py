"""A comparison from its first run to its answer, with runs of a second each."""

import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mtl.assembly import build_suite
from mtl.cli.compare import main, run
from mtl.comparison.judge import Judge
from mtl.comparison.scope import planned_power_sentence
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.runs.files import read_json_if_whole
from mtl.suites.base import MultiTaskDataModule
from mtl.sweep.campaign import Campaign, expected_runs
from mtl.sweep.plan import Configuration
from mtl.sweep.planner import Planner

TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "encoder.widths=[6]",
    "batch_size=12",
    "epochs=1",
    "models=[hard,gated]",
    "weightings=[equal]",
    "baselines=[]",
    "workers=0",
    "logger=csv",  # drawing takes most of the time of such a run
]


@pytest.fixture(autouse=True)
def _quiet(no_figures: None) -> None:
    set_process_defaults()


def compare(path: Path, *arguments: str) -> tuple[int, str]:
    out = StringIO()
    code = run(read_study([*TINY, f"output={path}", *arguments]), "the command", Console(file=out, width=160))
    return code, out.getvalue()


def content(path: Path, name: str) -> dict[str, Any]:
    (folder,) = (path / "comparisons").iterdir()
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


@pytest.mark.smoke
def test_all_are_screened_and_the_best_is_confirmed_on_fresh_seeds(tmp_path: Path) -> None:
    code, text = compare(tmp_path, "looks=[2,3]", "baselines=[same_parameters]", "margin=1e-9")
    assert code == 0
    plan, ledger, summary = (content(tmp_path, name) for name in ("plan.json", "looks.json", "summary.json"))
    chosen = summary["verdict"]["best"]
    seeds: dict[str, list[int]] = {}
    for one in plan["runs"]:
        seeds.setdefault(one["label"], []).append(one["seed"])
    other = "gated-equal" if chosen == "hard-equal" else "hard-equal"
    last = ledger["taken"][-1]["seeds"]
    fresh = list(range(2, 2 + last))
    assert seeds.pop("single_task") == seeds.pop(chosen) == [0, 1, *fresh]
    assert seeds.pop(other) == [0, 1]
    assert all(found == fresh for found in seeds.values())
    assert set(seeds) <= {"single_task, same parameters"}
    assert ledger["chosen"] == plan["design"]["chosen"]
    assert max(ledger["screening"], key=ledger["screening"].get) == chosen
    assert sum(look["alpha"] for look in ledger["taken"]) <= 0.05
    assert "6 runs" not in text.splitlines()[0]
    assert "10 to 12 runs in all" in text
    assert "in 4 of 5 cases" in text
    for row in summary["configurations"]:
        assert (row["test"] is None) == (row["label"] == other)


@pytest.mark.smoke
def test_the_same_command_again_trains_nothing_and_says_the_same(tmp_path: Path) -> None:
    """Also where it is ended before it comes as far: plan and ledger, and so a report, stay as they were."""
    asked = ["models=[hard]", "looks=[2,3]", "margin=1e-9", "baselines=[same_parameters]"]
    compare(tmp_path, *asked)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    names = ("plan.json", "looks.json", "summary.json")
    first = [content(tmp_path, name) for name in names]
    assert [look["seeds"] for look in first[1]["taken"]] == [2, 3]
    planner = Planner(read_study([*TINY, f"output={tmp_path}", *asked]))
    multi, single = (
        Configuration(label, planner.configs.of(model, "equal"), parameters=1, step_seconds=0.1, rows=100)
        for label, model in (("hard-equal", "hard"), ("single_task", "single_task"))
    )
    for stages in (0, 1):
        left = iter([True] * stages)
        campaign = Campaign(planner, single, [multi], "again", lambda *_, left=left: next(left, False))
        assert campaign.screen()
        assert not campaign.decide()
        assert [content(tmp_path, name) for name in names] == first
    compare(tmp_path, *asked)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == before
    for now, then in zip([content(tmp_path, name) for name in names], first, strict=True):
        assert {**now, "took": ""} == {**then, "took": ""}
    with pytest.raises(InputError, match=r"looks=\[3\]: this comparison has begun to look by looks=\[2, 3\]"):
        compare(tmp_path, *asked, "looks=[3]")


@pytest.mark.smoke
def test_where_all_are_measured_none_is_screened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(tmp_path, "design=full", "seeds=1")
    plan, summary = (content(tmp_path, name) for name in ("plan.json", "summary.json"))
    assert len(plan["runs"]) == 3
    assert {run["seed"] for run in plan["runs"]} == {0}
    assert all(row["test"] is not None for row in summary["configurations"])
    # Where a primary metric is no number, no configuration can be ranked, and there is nothing to match a baseline with
    monkeypatch.setattr(Judge, "best", lambda *_: None)
    code, said = compare(tmp_path, "design=full", "seeds=1", "baselines=[same_parameters,same_seconds]")
    assert (code, said.count("no configuration can be ranked on validation, to match it with")) == (0, 2)


@pytest.mark.smoke
def test_every_seed_has_a_split_of_its_own_if_asked_for(tmp_path: Path) -> None:
    """And a single configuration needs no screening."""
    _, text = compare(tmp_path, "models=[hard]", "seeds=2", "data=resplit")
    plan, summary = (content(tmp_path, name) for name in ("plan.json", "summary.json"))
    rows = json.loads(next(tmp_path.rglob("result.json")).read_text())["data"]["rows"]
    shown = planned_power_sentence([2], 0.05, 1, "confirm", rows["test"] / rows["train"])
    assert " ".join(shown.split()) in " ".join(text.split())
    assert [one["seed"] for one in plan["runs"]] == [2, 3, 2, 3]
    assert len({one["fingerprint"] for one in plan["runs"]}) == 2
    assert len({one["configuration"] for one in plan["runs"]}) == 2
    (row,) = summary["configurations"][1:]
    assert row["test"]["seeds"] == [2, 3]
    assert any("population" in sentence for sentence in summary["verdict"]["certainty"])


def test_every_split_that_may_be_needed_is_tried_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_the_last(config: RunConfig) -> MultiTaskDataModule:
        if config.task["seed"] == 5:
            raise InputError("target 'rare' has only 'no' in the test split")
        return build_suite(config)

    monkeypatch.setattr("mtl.sweep.split_seeds.build_suite", refuse_the_last)
    with pytest.raises(InputError, match="data=resplit, the split of seed 5: target 'rare' has only 'no' in the test"):
        compare(tmp_path, "models=[hard]", "looks=[2,4]", "data=resplit")
    assert not (tmp_path / "runs").exists()


@pytest.mark.smoke
def test_the_baseline_of_the_same_seconds_comes_last_and_is_planned_again(tmp_path: Path) -> None:
    arguments = ["models=[hard]", "seeds=1", "epochs=6", "tune=true", "grid={optimizer.lr:[0.001,0.003]}"]
    for _ in range(2):
        code, text = compare(tmp_path, *arguments, "baselines=[same_seconds]")
        assert code == 0
        (folder,) = (tmp_path / "comparisons").iterdir()
        measured = read_json_if_whole(folder / "same_seconds.json")
        labels = ["single_task", "hard-equal", *(["single_task, same seconds"] if measured["epochs"] != 6 else [])]
        assert [one["label"] for one in content(tmp_path, "plan.json")["runs"]] == labels
        assert ("same_seconds: no network of its own, since" in text) == (len(labels) == 2)
    assert len(list(tmp_path.rglob("result.json"))) == 2 * 2 + len(labels)


@pytest.mark.parametrize(
    ("arguments", "configurations", "halving", "expected"),
    [
        ((), 9, False, (26, 44)),
        ((), 1, False, (6, 24)),
        (("seeds=5",), 9, False, (30, 30)),
        (("design=full", "seeds=3"), 9, False, (30, 30)),
        ((), 9, True, (20, 38)),
    ],
    ids=["default", "one configuration", "one look", "full", "halving"],
)
def test_how_many_runs_there_will_be(
    arguments: tuple[str, ...], configurations: int, halving: bool, expected: tuple[int, int]
) -> None:
    assert expected_runs(read_study(["task=synthetic", *arguments]), configurations, halving=halving) == expected


@pytest.mark.smoke
def test_boosted_trees_and_merged_networks_stand_beside_the_others(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i % 5},{i % 7 + 0.1 * (i % 5)},{(i % 7) // 4}\n" for i in range(150))
    (tmp_path / "rows.csv").write_text("a,b,y,z\n" + rows)
    targets = f"task.path={tmp_path / 'rows.csv'}", "task.targets={y: regression, z: binary}"
    given = [text for text in TINY if not text.startswith(("task", "models", "baselines"))]
    further = ["baselines=[trees,merged]", "merges=[ties]"]
    study = read_study([*given, "task=table", *targets, "models=[hard]", "seeds=1", *further, f"output={tmp_path}"])
    assert run(study, "the command", Console(file=StringIO(), width=160)) == 0
    summary = content(tmp_path, "summary.json")
    for label in ("trees", "merged ties"):
        assert summary["against"][label]["by_seed"]
        (row,) = [one for one in summary["configurations"] if one["label"] == label]
        assert row["test"]["seeds"] == [2]


def test_trees_that_cannot_learn_the_tasks_are_refused_before_any_data_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the inputs of SchedulingSuite are no columns of a table"):
        Planner(read_study(["task=scheduling", "baselines=[trees]", f"output={tmp_path}"]))


def test_trees_are_not_compared_with_improved_networks(tmp_path: Path) -> None:
    improved = ["task=flights", "execution=alerts", "improve=decisions", f"output={tmp_path}"]
    with pytest.raises(InputError, match="baselines: improve changes networks alone, and trees would be compared with"):
        Planner(read_study([*improved, "baselines=[trees]"]))


@pytest.mark.smoke
def test_what_was_decided_on_has_to_be_among_what_is_compared(tmp_path: Path) -> None:
    """A run of a grid that failed at first may change the values that are tuned."""
    compare(tmp_path, "models=[hard]", "looks=[2]")
    (plan,) = tmp_path.glob("comparisons/*/plan.json")
    other = {**(before := json.loads(plan.read_text())), "design": {**before["design"], "baseline": "of other values"}}
    plan.write_text(json.dumps(other))
    with pytest.raises(
        InputError, match=r"looks\.json': this comparison has decided on .* on fresh seeds, first_seed=4"
    ):
        compare(tmp_path, "models=[hard]", "looks=[2]")
    plan.with_name("looks.json").write_text(json.dumps({"chosen": "of other values"}))
    with pytest.raises(
        InputError, match=r"looks\.json': this comparison has decided on .* on fresh seeds, first_seed=4"
    ):
        compare(tmp_path, "models=[hard]", "looks=[2]")


@pytest.mark.smoke
def test_why_the_baseline_failed_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run of the baseline \(single_task\) has finished: failed: the loss of"):
        compare(tmp_path, "models=['hard optimizer.lr=0.01']", "optimizer.lr=1e9", "looks=[2]")


@pytest.mark.smoke
def test_the_command_of_a_report_can_be_typed_again(tmp_path: Path) -> None:
    models = "models=[hard,'hard encoder.dropout=0.5']"
    assert main([*TINY, f"output={tmp_path}", models, "looks=[2]"]) == 0
    assert shlex.split(content(tmp_path, "plan.json")["command"])[2:] == [
        *TINY,
        f"output={tmp_path}",
        models,
        "looks=[2]",
    ]
