"""The two commands from end to end, in this process."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli import compare, report
from mtl.comparison.comparison import compare as judged
from mtl.comparison.verdict import verdict
from mtl.config.process import set_process_defaults
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.runs.directory import Run
from tests.comparison.support import make_record

TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "encoder.widths=[6]",
    "epochs=1",
    "models=[hard]",
    "weightings=[equal]",
    "seeds=2",
    "baselines=[]",
    "workers=0",
    "logger=csv",  # drawing takes most of the time of such a run
]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    set_process_defaults()


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    code = compare.run(read_study([*TINY, *arguments]), "the command", Console(file=out, width=140))
    return code, out.getvalue()


@pytest.mark.smoke
def test_compare_then_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(f"output={tmp_path}", "name=mine", f"keep={tmp_path / 'kept'}")
    assert code == 0
    assert "4 runs in all; at most" in text
    assert "4 of 4 done, 0 failed" in text
    directory = tmp_path / "comparisons" / "mine"
    first = json.loads((directory / "summary.json").read_text())
    assert first["verdict"]["best"] == "hard-equal"

    kept = tmp_path / "kept" / "README.md"
    assert any(f"**{first}" in kept.read_text() for first in ("Learning", "Not enough", "Nothing is claimed"))
    kept.write_text(kept.read_text() + "A person wrote this.\n")
    (kept.parent / "figures" / "mine.svg").touch()
    assert report.main([str(directory), f"keep={kept.parent}"]) == 0
    text = kept.read_text()
    assert text.endswith("\n\n## Reading\n\nA person wrote this.\n")
    assert "    the command\n" in text
    assert re.search(r"\*\*Time\.\*\* [\d,]+ s for 4 of 4 runs, 1 at once; training [\d,]+ s in all", text)
    assert {path.name for path in (kept.parent / "figures").iterdir()} == {"gains.svg", "cost.svg", "mine.svg"}

    (tmp_path / "README.md").write_text("# A project\n")
    both = (lambda kept: run(f"output={tmp_path}", kept), lambda kept: report.main([str(directory), kept]))
    for command in both:
        with pytest.raises(InputError, match=r"README.md' is no README of a comparison, since it has no '## Reading'"):
            command(f"keep={tmp_path}")
    assert (tmp_path / "README.md").read_text() == "# A project\n"

    # The same from the directory of the comparison, and from bare runs
    assert report.main([str(directory)]) == 0
    assert json.loads((directory / "summary.json").read_text()) == first
    assert report.main([str(tmp_path / "runs"), "name=bare"]) == 0
    bare = json.loads((tmp_path / "comparisons" / "bare" / "summary.json").read_text())
    assert bare["configurations"][1]["test"] == first["configurations"][1]["test"]
    assert any("found, not planned" in sentence for sentence in bare["verdict"]["certainty"])
    assert report.main([str(directory), str(tmp_path / "runs")]) == 0  # the same runs twice are one comparison
    (joined,) = (tmp_path / "comparisons").glob("mine+runs-*")
    both = json.loads((joined / "summary.json").read_text())
    assert both["configurations"] == first["configurations"]
    assert "report:" in capsys.readouterr().out


@pytest.mark.smoke
def test_a_failed_run_is_in_the_report_and_in_the_exit_code(tmp_path: Path) -> None:
    code, text = run(f"output={tmp_path}", "models=[hard,'hard optimizer.lr=1e30']", "gradient_clip=null", "epochs=2")
    assert code == 1
    assert text.count("became NaN or infinite") == 2  # one line for each seed of the one that failed
    (folder,) = (tmp_path / "comparisons").glob("synthetic-*")
    assert "became NaN or infinite" in (folder / "report.html").read_text()
    assert "failed" in text


def test_a_dry_run_only_prints_the_plan(tmp_path: Path) -> None:
    code, text = run(f"output={tmp_path}", "dry_run=true")
    assert code == 0
    assert "4 runs in all" in text
    assert not list(tmp_path.rglob("result.json"))


@pytest.mark.smoke
def test_tuning_chooses_on_validation(tmp_path: Path) -> None:
    run(f"output={tmp_path}", "tune=true", "grid={optimizer.lr:[1e-9,0.05]}", "seeds=1")
    (folder,) = (tmp_path / "comparisons").glob("synthetic-*")
    plan = json.loads((folder / "plan.json").read_text())
    for one in plan["runs"]:
        assert Run.open(one["path"]).config.optimizer["lr"] == 0.05
    assert len(list(tmp_path.rglob("result.json"))) == 4 + 2  # the grid on the first seed, then one fresh seed


def test_nothing_to_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run below"):
        report.main([str(tmp_path)])
    with pytest.raises(InputError, match="no PATH"):
        report.main(["name=x"])
    for arguments, message in (
        (["nowhere"], "'nowhere': no such directory"),
        (["nmae=x"], "unknown option 'nmae': did you mean 'name'"),
        ([str(tmp_path), "name=a/b"], "name=a/b: expected the name of a directory"),
        ([str(tmp_path), "keep="], "keep=: expected a folder"),
    ):
        with pytest.raises(InputError, match=message):
            report.main(arguments)
    (tmp_path / "comparisons" / "mine").mkdir(parents=True)
    (tmp_path / "comparisons" / "mine" / "plan.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds 1 comparison: expected the directory of one, such as '.*/mine'"):
        report.main([str(tmp_path / "comparisons")])
    (tmp_path / "plan.json").write_text('{"names": 3}')
    with pytest.raises(InputError, match="damaged or not of a comparison"):
        report.main([str(tmp_path)])


@pytest.mark.parametrize("main", [compare.main, report.main], ids=["compare", "report"])
def test_help(main, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert main(["--help"]) == 0
    assert "python experiments/" in capsys.readouterr().out


def test_twelve_tasks_can_be_read_on_a_narrow_terminal() -> None:
    tasks = [f"task_{place:02}" for place in range(12)]
    runs = [
        make_record(model, seed=seed, primary=dict.fromkeys(tasks, "mae"), test=dict.fromkeys(tasks, 2 + seed / 10))
        for model in ("single_task", "hard")
        for seed in range(3)
    ]
    found = judged(runs)
    console = Console(file=StringIO(), width=80)
    report.show(found, verdict(found), console)
    table, _, _ = console.file.getvalue().rpartition("┘")  # type: ignore[attr-defined]
    assert [table.count(task) for task in tasks] == [1] * 12
    assert table.count("hard-equal") == table.count("configuration")
