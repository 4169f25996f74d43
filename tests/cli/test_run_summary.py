"""What a person reads at the end of a run."""

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mtl.cli import run_summary
from mtl.cli.run_summary import next_commands, show
from mtl.config.compose import configure
from mtl.config.run_result import RunResult
from tests.results import run_result


def shown(result: RunResult) -> str:
    console = Console(file=StringIO(), width=200)
    show(result, console=console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kept", "said"),
    [("searched", "what was found is kept"), ("start", "the trained dispatcher stays"), ("rule", "the rule is kept")],
)
def test_which_dispatcher_a_search_has_kept_is_said(kept: str, said: str) -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": 0.5}}} for split in ("train", "val", "test")}
    found = {"kept": kept, "validation": {"start": -0.01, "searched": -0.02, "rule": 0.0}, "generations": 3}
    text = shown(run_result(metrics=measured, improvement={**found, "seconds": 1.0}))
    (line,) = [line for line in text.splitlines() if line.startswith("Improved by acting")]
    assert "trained -1.0 %, searched -2.0 %" in line
    assert line.endswith(f"{said}.")
    assert "Improved" not in shown(run_result(metrics=measured))


@pytest.mark.parametrize(
    ("kept", "low", "said"),
    [
        (True, 0.1, "1 of 1 rounds kept. On instances that no round has seen a gain: +20.00 points"),
        (
            True,
            -0.1,
            "1 of 1 rounds kept. On instances that no round has seen no gain that is told from chance: +20.00",
        ),
        (False, -0.1, "none of 1 rounds is kept, so the network stays as it was. The largest gain is +20.00 points"),
    ],
)
def test_rounds_say_no_more_than_their_intervals(kept: bool, low: float, said: str) -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": 0.5}}} for split in ("train", "val", "test")}
    gain = {"mean": 0.2, "low": low, "high": 0.5}
    one = {"number": 1, "kept": kept, "gain": gain, "groups": {}, "before": {}, "after": {}, "seconds": 1.0}
    found = {"kept": "searched", "validation": {"start": 0.0, "searched": 0.0, "rule": 0.0}, "generations": 3}
    found |= {"seconds": 1.0, "parent": "x", "alpha": 0.05, "gain": gain, "rounds": [one]}
    text = shown(run_result(metrics=measured, improvement=found))
    assert f"Improved by acting: {said}" in text
    assert "does it pay?" not in text


@pytest.mark.parametrize(
    ("key", "used"), [("epochs", "3 epochs"), ("steps", "70 steps"), ("model.num_iterations", "3 iterations")]
)
def test_a_budget_that_was_too_small_is_said_with_the_key_to_raise(key: str, used: str) -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": 0.5}}} for split in ("train", "val", "test")}
    selection = {"metric": "val/score", "mode": "min", "epoch": 2, "by_task": {}, "budget_key": key}
    text = shown(run_result(selection={**selection, "still_improving": True}, metrics=measured, epochs=3, steps=70))
    (line,) = [line for line in text.splitlines() if "still improving" in line]
    assert f"after {used}" in line
    assert f"raise {key}=" in line.lower()
    assert "still improving" not in shown(
        run_result(selection={**selection, "still_improving": False}, metrics=measured)
    )


@pytest.mark.parametrize(
    ("given", "task", "improves"),
    [
        ([], "assignment", True),
        (["task.prior=null"], "assignment", False),
        (["tasks=[makespan]"], "makespan", False),
        (["model=merged"], "assignment", False),
    ],
    ids=["dispatcher", "no rule", "no dispatcher", "merged"],
)
def test_a_dispatcher_may_be_improved_whether_its_training_did_so_or_not(
    given: list[str], task: str, improves: bool
) -> None:
    config = configure("task=scheduling", "improve=none", *([] if "model=merged" in given else ["model=hard"]), *given)
    tasks = {task: {"primary": "accuracy", "higher_is_better": True}}
    commands = dict(next_commands(run_result(config=config.plain(), choices=config.choices.plain(), tasks=tasks)))
    assert commands.get("improve it by acting:", "").startswith("python improve.py run=") == improves


def test_what_to_type_next_has_short_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run below the working directory; that of an improvement is known by its whole path.

    Where the program has gone elsewhere, as with ``hydra.job.chdir``, they are whole.
    """
    monkeypatch.setattr(run_summary, "BEGINNING", tmp_path)
    run = tmp_path / "outputs" / "runs" / "x"
    (run / "tensorboard").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    for directory in (run, Path("outputs/runs/x")):
        commands = dict(next_commands(run_result(directory=str(directory))))
        assert commands["look at it:"] == "tensorboard --logdir outputs/runs/x"
        assert commands["all numbers:"] == "outputs/runs/x/result.json"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dict(next_commands(run_result(directory=str(run))))["all numbers:"] == f"{run}/result.json"


def test_what_several_dispatchers_reach_is_said() -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": 0.5}}} for split in ("train", "val", "test")}
    validation = {"start": -0.01, "searched": -0.02, "rule": 0.0, "team": -0.03}
    found = {"kept": "searched", "validation": validation, "generations": 3, "seconds": 1.0}
    text = shown(run_result(metrics=measured, improvement=found))
    assert "what was found is kept. With further dispatchers, the shortest of their schedules: -3.0 %" in text


def test_that_no_further_dispatcher_is_kept_is_said() -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0, "r2": 0.5}}} for split in ("train", "val", "test")}
    validation = {"start": 0.01, "searched": 0.0, "rule": 0.0}
    found = {"kept": "rule", "validation": validation, "generations": 3, "seconds": 1.0, "further": 0}
    text = shown(run_result(metrics=measured, improvement=found))
    assert "the rule is kept. None of the further dispatchers made schedules of these shops shorter, so none is" in text
    assert "With further" not in text


def test_small_and_large_metrics_keep_their_digits() -> None:
    values = {"loss": 1.0, "mae": 1.23456e-7, "rmse": 2.34567e9, "r2": 0.5}
    measured = {split: {"score": 1.0, "tasks": {"a": values}} for split in ("train", "val", "test")}
    text = shown(run_result(metrics=measured))
    assert all(text.count(number) == 3 for number in ("1.235e-07", "2.346e+09", "0.5000", "1.0000"))


def test_a_primary_metric_that_is_no_number_has_its_line() -> None:
    measured = {split: {"score": 1.0, "tasks": {"a": {"loss": 1.0}}} for split in ("train", "val", "test")}
    assert re.search(r"r2 \(higher is better\) +\S +- +\S +- +\S +- ", shown(run_result(metrics=measured)))
