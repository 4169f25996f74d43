"""The comparisons that a run is part of are found, with what they say of its tasks; damaged files say nothing."""

import json
from math import isnan
from pathlib import Path

from mtl.comparison.report.analysis_page import gain_text, metric, transfer_sentence
from mtl.comparison.run_gains import gains_of


def summary(run: Path) -> dict[str, object]:
    def gain(mean: float, call: str, interval: list[float | None]) -> dict[str, object]:
        return {"gain": {"mean": mean, "call": call, "interval": interval}}

    tasks = {"a": gain(-0.05, "hurts", [-0.08, -0.02]), "b": gain(0.01, "", [None, None])}
    configurations = [
        {"label": "gated-equal", "runs": [str(run)], "test": {"tasks": tasks}},
        {"label": "another", "runs": ["elsewhere"], "test": {"tasks": tasks}},
        {"label": "screened", "runs": [str(run)], "test": None},
    ]
    return {"configurations": configurations}


def test_gains_are_those_of_the_runs_configuration(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "x"
    for name, text in (("one", json.dumps(summary(run))), ("damaged", "{"), ("foreign", '{"configurations": [1]}')):
        (tmp_path / "comparisons" / name).mkdir(parents=True)
        (tmp_path / "comparisons" / name / "summary.json").write_text(text)
    found = gains_of([tmp_path / "runs" / "child", run], tmp_path)
    assert [(one.comparison, one.configuration, one.task, one.hurts) for one in found] == [
        ("one", "gated-equal", "a", True),
        ("one", "gated-equal", "b", False),
    ]
    assert isnan(found[1].low)
    assert [gain_text(one).replace("\xa0", " ") for one in found] == ["-5.0 % (-8.0 to -2.0)", "+1.0 %"]
    assert transfer_sentence(found).startswith("Negative transfer: learning together hurts a in")
    assert transfer_sentence(found[1:]) == "No task is shown to be hurt, which is no proof that none is."
    assert gains_of([tmp_path / "runs" / "y"], tmp_path) == []


def test_gains_are_found_where_the_output_directory_was_moved(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    run = Path("runs", "suite", "method", "id")
    (before / run).mkdir(parents=True)
    (before / "comparisons" / "one").mkdir(parents=True)
    (before / "comparisons" / "one" / "summary.json").write_text(json.dumps(summary(before / run)))
    before.rename(after)
    assert len(gains_of([after / run], after)) == 2


def test_a_metric_is_shown_as_in_the_table_of_a_training() -> None:
    assert [metric(value) for value in (0.9, 0.85949, 1e-5, None)] == ["0.9000", "0.8595", "1e-05", "-"]
