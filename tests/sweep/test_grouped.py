"""Groups found by affinity as one configuration among others: planned, done, named and drawn."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli.compare import run
from mtl.comparison.comparison import compare
from mtl.comparison.labels import unique_labels
from mtl.comparison.records import read
from mtl.comparison.report.matrix_figures import affinity
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.files import read_json_if_whole
from mtl.sweep.planner import Planner
from mtl.sweep.progress import plan_table
from tests.support import tiny

SMALL = (
    "task=synthetic",
    "task.num_tasks=4",
    "task.rows=100",
    "task.features=8",
    "encoder.widths=[12]",
    "weightings=[equal]",
    "epochs=2",
    "affinity.epochs=3",
    "affinity.every=1",
    "baselines=[]",
    "logger=csv",
)


def asked(path: Path, *arguments: str) -> Planner:
    return Planner(read_study([*SMALL, f"output={path}", *arguments]))


def test_grouped_is_hard_sharing_in_groups_that_are_found_first(tmp_path: Path) -> None:
    found = asked(tmp_path, "models=[hard,grouped,'grouped affinity.measure=pairwise']")
    hard, grouped, pairwise = found.multi_task()
    assert [one.label for one in (hard, grouped, pairwise)] == [
        "hard-equal",
        "grouped-equal",
        "grouped measure=pairwise-equal",
    ]
    assert grouped.config == hard.config.changed(grouping="auto")
    trunk = 8 * 12 + 12
    assert grouped.parameters == hard.parameters + trunk  # two groups: one trunk more
    assert [one.measuring for one in (hard, grouped, pairwise)] == [0, 3, 3 * 4 * 5 // 2]
    plan = found.plan([hard, grouped], [0])
    assert plan.seconds(grouped) > plan.overhead + grouped.step_seconds * grouped.steps * grouped.budget.epochs
    out = StringIO()
    Console(file=out, width=120).print(plan_table(plan, 1, "comparing"))
    assert "3 + 2" in out.getvalue()


def test_the_baseline_learns_alone_whatever_groups_are_asked_for(tmp_path: Path) -> None:
    found = asked(tmp_path, "models=[hard]", "grouping=auto")
    single, same = found.single_task(), asked(tmp_path, "models=[hard]").single_task()
    assert single.config == same.config
    assert found.multi_task()[0].config.grouping == "auto"


def test_what_cannot_be_measured_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"affinity\.networks=9: expected 1 to 4"):
        asked(tmp_path, "models=[grouped]", "affinity.networks=9").multi_task()


@pytest.mark.smoke
def test_a_comparison_with_grouped(tmp_path: Path) -> None:
    """The runs are done, named in the plan and the report, and their groups are on the page."""
    console = Console(file=StringIO(), width=200)
    options = [*SMALL, f"output={tmp_path}", "models=[hard,grouped]", "seeds=2", "workers=0"]
    assert run(read_study(options), "the command", console) == 0
    (folder,) = (tmp_path / "comparisons").iterdir()
    runs = read_json_if_whole(folder / "plan.json")["runs"]
    assert {one["label"] for one in runs} == {"single_task", "hard-equal", "grouped-equal"}
    assert "grouped-equal" in (folder / "report.md").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Which tasks help each other?" in page
    assert "Groups trained: grouped-equal: [task" in page


def test_runs_that_no_plan_names_are_told_apart(tmp_path: Path) -> None:
    for options in (("model=single_task",), ("model=hard",), ("model=hard", "grouping=auto", "affinity.epochs=1")):
        for seed in (0, 1):
            train(tiny(tmp_path, "weighting=equal", "epochs=1", "affinity.every=1", f"seed={seed}", *options))
    records, problems = read([tmp_path / "runs"])
    assert not problems
    assert sorted(unique_labels(records).values()) == ["hard in groups-equal", "hard-equal", "single_task-equal"]
    drawn = affinity(compare(records))
    assert drawn is not None
    assert "hard in groups-equal: features" in drawn.svg
    assert affinity(compare([one for one in records if not one.affinity])) is None
