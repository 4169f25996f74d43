"""The page of all runs: what it lists, filters and sorts."""

import os
import time
from pathlib import Path

import pytest

from mtl.cli.runs import main
from mtl.errors import InputError
from mtl.runs.directory import Run
from mtl.runs.files import write_json, write_text
from tests.results import run_result, write_result


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Two finished runs, of which one is part of a comparison, one that was killed and one that is damaged."""
    for name, seed in (("first", 1), ("second", 2)):
        result = run_result(f"seed={seed}", "task.rows=77", "steps=9")
        directory = write_result(tmp_path / "runs" / "synthetic" / "hard-equal" / name, result)
        Run(directory).config = result.config
        os.utime(directory / "result.json", (time.time(), 1000 * seed))
    for name in ("dead", "damaged"):
        directory = tmp_path / "runs" / "synthetic" / "hard-equal" / name
        directory.mkdir()
        Run(directory).config = result.config
        Run(directory).state = "running"
    write_text(directory / "result.json", "{")
    plan = {"runs": [{"path": str(tmp_path / "runs/synthetic/hard-equal/first"), "fingerprint": "f"}]}
    (tmp_path / "comparisons" / "mine").mkdir(parents=True)
    write_json(tmp_path / "comparisons" / "mine" / "plan.json", plan)
    write_json(tmp_path / "comparisons" / "mine" / "summary.json", {"verdict": {"outcome": "pays"}})
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The ids that are printed, in order."""
    capsys.readouterr()  # what it prints is no terminal, and so wide enough
    assert main(list(arguments)) == 0
    words = capsys.readouterr().out.split()
    return [word for word in words if word in ("first", "second", "dead", "damaged")]


def test_runs_are_filtered_and_sorted(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output={output}"
    assert listed(capsys, place)[:2] == ["second", "first"]
    assert listed(capsys, place, "verdicts=*pays*") == ["first"]
    assert listed(capsys, place, "state=killed,damaged*", "sort=run") == ["damaged", "dead"]
    assert listed(capsys, place, "seed=1,2", "state=done", "sort=seed") == ["first", "second"]
    assert listed(capsys, place, "settings=*steps=9*", "model=HARD") == ["second", "first"]
    assert not listed(capsys, place, "model=gated")


def test_the_page_holds_every_column_of_every_run(output: Path) -> None:
    assert main([f"output={output}", f"html={output / 'runs.html'}"]) == 0
    page = (output / "runs.html").read_text(encoding="utf-8")
    assert "@media print" in page  # which shows all columns, where they are scrolled to on a screen
    assert page.count("<tr data-state") == 4
    for text in ("mine: pays", "task.rows=77 steps=9", "a/r2 0.5", "damaged: &#39;"):
        assert text in page
    assert "http" not in page
    # On paper this stands in place of what can be clicked, so that a browser repeats the head on every page
    assert 'data-name="score"' in page
    assert "thead input, thead button { display: none; }" in page


def test_a_run_whose_state_is_no_text_is_listed(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the others, as one that is not finished."""
    unfinished = output / "runs" / "synthetic" / "hard-equal" / "dead"
    (unfinished / "state").write_bytes(b"\xff\xfe\0")
    assert "dead" in listed(capsys, f"output={output}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["modle=hard"], "did you mean 'model'"),
        (["sort=tsak"], "did you mean 'task'"),
        (["model"], "expected model=VALUE"),
        (["output=nowhere"], "no run below 'nowhere'"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        main(arguments)
    assert "\n" not in str(error.value)
