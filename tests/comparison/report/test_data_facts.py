"""The data of a comparison in a title."""

from pathlib import Path
from typing import Any

import pytest

from mtl.comparison.comparison import compare
from mtl.comparison.notes import merge_notes
from mtl.comparison.records import Problem
from mtl.comparison.report.content import Report
from mtl.comparison.report.data_facts import data_in_words, environment_of, notes_of
from mtl.comparison.report.markdown import markdown
from mtl.comparison.report.page import html
from mtl.comparison.report.readme import Provenance, write_readme
from mtl.comparison.report.tables import summary
from mtl.comparison.verdict import verdict
from tests.comparison.support import make_record


@pytest.mark.parametrize(
    ("task", "files"),
    [
        ({"path": "/data/churn.csv"}, "churn.csv, "),
        ({"tables": {"a": {"path": "x/a.csv"}, "b": {"path": "b.parquet"}}}, "a.csv, b.parquet, "),
        ({"seed": 0}, ""),
    ],
    ids=["table", "tables", "suite"],
)
def test_suite_file_rows_and_split_are_said(task: dict[str, Any], files: str) -> None:
    records = [
        make_record(model, primary={"a": "mae"}, test={"a": 1.0}, config={"model": model, "task": task})
        for model in ("single_task", "hard")
    ]
    said = data_in_words(compare(records))
    assert said == f"suite, {files}140 rows: 100 training, 20 validation, 20 test"


def test_every_note_of_a_run_is_said_once(tmp_path: Path) -> None:
    """A reader of the report has not seen what runs said on the terminal."""
    records = [
        make_record(model, seed=seed, primary={"a": "mae"}, test={"a": 1.0 + seed}, notes=("rows are copies", *more))
        for model in ("single_task", "hard")
        for seed in (0, 1)
        for more in [("weight & loss stayed low",) if model == "hard" and seed else ()]
    ]
    found = compare(records)
    low = "1 run: hard-equal (seed 1)"
    assert notes_of(found) == [("rows are copies", "all runs"), ("weight & loss stayed low", low)]
    assert "warned: rows are copies (and 1 other note, which the report lists)" in verdict(found).text
    problem = Problem("same_parameters", "no network of its own")
    failed = Problem("/home/me/outputs/runs/suite/hard-equal/0123456789", "it broke")
    report = Report("study", "", found, verdict(found), (problem, failed))
    plain = summary("study", found, report.verdict, (problem,))
    assert plain["notes"][1] == {"note": "weight & loss stayed low", "runs": low}
    write_readme(tmp_path, report, Provenance("", "1 s"), ())
    for text in (markdown(report, ()), html(report, ())):
        assert "weight &amp; loss stayed low" in text
        assert low in text
    kept = (tmp_path / "README.md").read_text()
    assert "| same_parameters | no network of its own |" in kept
    assert "| runs/suite/hard-equal/0123456789 | it broke |" in kept  # a page for others, without a path of mine


def test_notes_that_differ_in_measured_numbers_alone_are_one() -> None:
    one = "task 'size 1.5 mm' of python 3.11.7: 0.850 times as far"
    notes = [one, one.replace("0.850", "0.91"), one.replace("1.5", "2.5"), one.replace("3.11.7", "3.12.1")]
    same = one.replace("0.850", "0.850 to 0.91")
    assert list(merge_notes(notes).values()) == [same, *notes[2:]]
    records = [
        make_record(
            model,
            seed=seed,
            primary={"a": "mae"},
            test={"a": 1.0},
            notes=tuple(notes[:2]) if model == "hard" and seed else (),
        )
        for model in ("single_task", "hard")
        for seed in (0, 1)
    ]
    found = compare(records)
    assert notes_of(found) == [(same, "1 run: hard-equal (seed 1)")]
    assert f"1 of 2 runs of hard-equal warned: {same}" in verdict(found).text


def test_an_environment_is_that_of_all_runs() -> None:
    """Not that of the first one alone: runs of two versions are none of one."""
    records = [
        make_record(model, seed=seed, primary={"a": "mae"}, test={"a": 1.0}, environment=environment)
        for seed, environment in enumerate(
            [{"torch": "2", "commit": "x"}, {"torch": "2", "commit": "y"}, {"torch": "2"}]
        )
        for model in ("single_task", "hard")
    ]
    commits = "x (2 runs), y (2 runs), unknown (2 runs)"
    assert environment_of(compare(records)) == {"torch": "2", "commit": commits}
