"""Runs of a report: gathered from plans and directories, and a report that replaces no other one."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mtl.comparison.design import Design, Stopped
from mtl.comparison.gathering import GatheredRuns, gather, report_directory
from mtl.comparison.types import Rules
from mtl.errors import InputError
from mtl.runs.attempts import attempt_file
from mtl.runs.files import write_json
from tests.results import run_result, write_result


def planned(output: Path, name: str, run: Path, **more: Any) -> Path:
    """The directory of a comparison with a plan of one run."""
    directory = output / "comparisons" / name
    directory.mkdir(parents=True)
    entry = {"label": "hard-equal", "seed": 0, "key": "k", "fingerprint": "f", "path": str(run), **more}
    plan = {
        "names": {},
        "rules": {"alpha": 0.1, "margin": 0.02},
        "design": Design("confirm", (0,), (1, 2), (2,), baseline="b").plain(),
        "command": "c",
        "question": "q",
        "took": "t",
        "runs": [{"configuration": "planned", **entry}],
    }
    (directory / "plan.json").write_text(json.dumps(plan))
    return directory


def test_the_first_attempt_that_finished_with_the_planned_data_counts(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "s" / "hard-equal" / "id"
    write_result(run, run_result(data={"fingerprint": "other", "rows": {}}))
    write_result(run.with_name("id-2"), run_result())
    write_result(run.with_name("id-3"), run_result())
    found = gather([planned(tmp_path, "mine", run)])
    assert [(one.path.name, one.configuration) for one in found.records] == [("id-2", "planned")]
    assert found.problems == []
    assert (found.rules.alpha, found.rules.margin) == (0.1, 0.02)
    assert (found.command, found.question, found.took) == ("c", "q", "t")


def test_a_run_of_another_schema_is_one_problem_not_two(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "s" / "hard-equal" / "id"
    write_json(write_result(run, run_result()) / "result.json", {**run_result().plain(), "schema": 99})
    (problem,) = gather([planned(tmp_path, "mine", run)]).problems
    assert problem.path == str(run)
    assert "is of schema 99, and this version reads 3" in problem.reason


def test_why_a_planned_run_failed_is_said(tmp_path: Path) -> None:
    directory = planned(tmp_path, "mine", tmp_path / "runs" / "s" / "hard-equal" / "id")
    run, attempt = "runs/s/hard-equal/id", attempt_file(tmp_path, "k")
    found = gather([directory])
    (problem,) = found.problems
    reason = f"missing: '{run}' is not there, not begun or deleted"
    assert (problem.path, problem.reason, found.again) == ("hard-equal, seed 0", reason, ["c"])
    attempt.parent.mkdir()
    attempt.write_text(json.dumps({"run": f"/elsewhere/{run}-2"}))
    assert gather([directory]).problems[0].reason == f"missing: '{run}-2' was deleted or moved"
    second = tmp_path / f"{run}-2"
    second.mkdir(parents=True)
    (second / "state").write_text("interrupted\n")
    assert gather([directory, directory]).problems[0].reason == f"unfinished: '{run}-2' is interrupted"
    (second / "result.json").write_text("{}")
    assert gather([directory]).problems[0].reason == f"missing: '{run}-2' keeps no contributions.npz"
    attempt.write_text(json.dumps({"error": "the disk is full"}))
    found = gather([directory])
    assert [one.reason for one in found.problems] == ["failed: the disk is full"]
    assert found.again == []


def test_a_baseline_without_runs_of_its_own_is_named(tmp_path: Path) -> None:
    directory = planned(tmp_path, "mine", write_result(tmp_path / "runs" / "s" / "hard-equal" / "id", run_result()))
    plan = json.loads((directory / "plan.json").read_text())
    (directory / "plan.json").write_text(json.dumps({**plan, "left_out": {"same_seconds": "no network of its own"}}))
    (problem,) = gather([directory]).problems
    assert (problem.path, problem.reason) == ("same_seconds", "no network of its own")


@pytest.mark.parametrize("path", ["", "x", 3], ids=["empty", "short", "number"])
def test_a_plan_whose_runs_are_nowhere_is_damaged(tmp_path: Path, path: object) -> None:
    directory = planned(tmp_path, "mine", tmp_path)
    plan = json.loads((directory / "plan.json").read_text())
    plan["runs"][0]["path"] = path
    (directory / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(InputError, match=r"plan\.json' is damaged or not of a comparison"):
        gather([directory])


def test_a_report_of_other_runs_does_not_replace_that_of_a_planned_comparison(tmp_path: Path) -> None:
    mine = planned(tmp_path, "scheduling", tmp_path / "runs" / "scheduling" / "m" / "id")
    nothing = GatheredRuns()
    runs = tmp_path / "runs" / "scheduling"
    assert report_directory([mine], nothing) == report_directory([mine], nothing, "scheduling") == mine
    assert report_directory([runs], nothing, "new") == tmp_path / "comparisons" / "new"
    with pytest.raises(InputError, match=r"name=scheduling: '.*' holds a comparison of its own: expected a new name"):
        report_directory([runs], nothing, "scheduling")


def test_a_report_of_runs_is_named_by_what_it_compares(tmp_path: Path) -> None:
    """Of the same directory too: other data or configurations are another report, more seeds are not."""
    names = set()
    for overrides, changes in (((), {}), (("epochs=3",), {}), ((), {"data": {"fingerprint": "other", "rows": {}}})):
        place = tmp_path / str(len(names)) / "runs" / "table"
        for seed in (0, 1):
            write_result(place / str(seed), run_result(*overrides, f"seed={seed}", **changes))
            names.add(report_directory([place], gather([place])).name)
    assert len(names) == 3
    assert all(name.startswith("table-") for name in names)


def test_what_one_plan_says_is_not_said_of_the_runs_of_several(tmp_path: Path) -> None:
    """Whatever the order in which they are named."""
    run = tmp_path / "runs" / "s" / "hard-equal" / "id"
    write_result(run, run_result())
    one, other = planned(tmp_path, "one", run), planned(tmp_path, "other", run)
    alike = gather([one, other])
    assert (alike.rules.alpha, alike.rules.margin, alike.command, alike.question) == (0.1, 0.02, "", "")
    plan = json.loads((other / "plan.json").read_text())
    (other / "plan.json").write_text(json.dumps({**plan, "rules": {"alpha": 0.3, "margin": 0.02}}))
    assert gather([one, other]).rules == gather([other, one]).rules == Rules()


def test_the_runs_of_an_output_directory_that_was_moved_are_found(tmp_path: Path) -> None:
    """A copy is read by its own runs, also while those that it was copied from are there."""
    old, new = tmp_path / "old", tmp_path / "new"
    run = write_result(old / "runs" / "s" / "hard-equal" / "id", run_result())
    mine = planned(old, "mine", run)
    plan = json.loads((mine / "plan.json").read_text())
    ended = Stopped("a", "gated-equal", 0, 0, 1, 2.0, 1.0, str(run))
    plan["design"]["stopped"] = [asdict(ended), asdict(replace(ended, epochs=None, score=None, run=""))]
    (mine / "plan.json").write_text(json.dumps(plan))
    shutil.copytree(old, new)
    found = gather([new / "comparisons" / "mine"])
    (copied,) = found.records
    assert copied.path == new / "runs" / "s" / "hard-equal" / "id"
    assert found.design is not None
    assert [one.run for one in found.design.stopped] == [str(copied.path), ""]
    shutil.rmtree(new / "runs")  # the page alone
    assert [one.path for one in gather([new / "comparisons" / "mine"]).records] == [run]
    assert [one.path for one in gather([mine]).records] == [run]


def divided_anew(output: Path, name: str, splits: dict[int, str]) -> Path:
    """The directory of a comparison with data=resplit: a finished run of each seed, whose split this is."""
    directory = planned(output, name, output)
    plan = json.loads((directory / "plan.json").read_text())
    plan["design"]["resplit"] = True
    first = plan["runs"].pop()
    for seed, split in splits.items():
        run = output / "runs" / "s" / "hard-equal" / f"{seed}{split}"
        if not run.is_dir():
            write_result(run, run_result(f"seed={seed}", data={"fingerprint": split, "rows": {"train": 7, "test": 2}}))
        plan["runs"].append({**first, "seed": seed, "fingerprint": split, "path": str(run)})
    (directory / "plan.json").write_text(json.dumps(plan))
    return directory


def test_comparisons_of_one_table_that_is_divided_anew_are_put_together(tmp_path: Path) -> None:
    """Each run once, also where two comparisons have it."""
    one, two, three = (
        divided_anew(tmp_path, name, splits)
        for name, splits in (("one", {0: "f", 1: "g"}), ("two", {2: "h", 3: "i"}), ("three", {1: "g", 2: "h"}))
    )
    found = gather([one, two, three])
    assert sorted((one.seed, one.fingerprint) for one in found.records) == [(0, "f"), (1, "g"), (2, "h"), (3, "i")]
    assert found.problems == []
    assert found.design is not None
    assert (found.design.resplit, found.design.looks, found.design.kind) == (True, (4,), "unplanned")
    with pytest.raises(InputError, match=r"two' has no seed in common with '.*one'"):
        gather([one, two])


def test_comparisons_that_are_divided_otherwise_are_not_put_together(tmp_path: Path) -> None:
    mine = divided_anew(tmp_path, "mine", {0: "f", 1: "g"})
    other = divided_anew(tmp_path, "other", {1: "g", 0: "another"})
    with pytest.raises(InputError, match=r"other' has other rows than '.*mine' for seed 0"):
        gather([mine, other])
    run = write_result(tmp_path / "runs" / "s" / "hard-equal" / "id", run_result())
    for path in (planned(tmp_path, "fixed", run), run):
        with pytest.raises(InputError, match=r"mine' has a split of its own .*, and those of '.*' have one"):
            gather([path, mine])


def test_the_design_of_a_plan_is_read_as_it_was_written() -> None:
    stopped = (
        Stopped("c", "soft-equal", 0, 4, 2, 0.5, 0.4, "runs/x"),
        Stopped("d", "film-equal", 1, 4, None, None, None, ""),
    )
    chosen = Design("confirm", (4, 7), (9, 3, 5), (1, 3), True, "b", "e", ("f", "g"), stopped)
    for design in (chosen, replace(chosen, chosen=None), Design("full", (1,), (1,), (1,), baseline="b")):
        assert Design.read(json.loads(json.dumps(design.plain()))) == design
    before = {key: value for key, value in chosen.plain().items() if key != "stopped"}  # of versions without halving
    assert Design.read(before) == replace(chosen, stopped=())


@pytest.mark.parametrize(
    "changes", [{"kind": "unplanned"}, *({"looks": looks} for looks in ([], [0, 2], [2, 1], [2, 2], [1, 4]))], ids=str
)
def test_a_design_by_which_nothing_can_be_decided_is_damaged(changes: dict[str, Any]) -> None:
    design = Design("confirm", (0,), (1, 2, 3), (1, 3), baseline="b").plain()
    with pytest.raises(InputError, match=r"^(design 'unplanned': expected confirm or full|looks \[.* of the 3 seeds)$"):
        Design.read({**design, **changes})
