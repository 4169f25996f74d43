"""What a person reads at the end of a run."""

from io import StringIO

import pytest
from rich.console import Console

from mtl.cli.run_summary import show
from mtl.config.run_result import RunResult
from tests.results import run_result


def shown(result: RunResult) -> str:
    console = Console(file=StringIO(), width=200)
    show(result, console=console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "used"), [("epochs", "3 epochs"), ("steps", "70 steps")])
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
