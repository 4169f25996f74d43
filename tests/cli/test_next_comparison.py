"""The comparison that is printed after a run asks about that run."""

import shlex
from collections.abc import Sequence

import pytest

from mtl.cli.next_comparison import comparison_arguments
from mtl.config.compose import configure
from mtl.config.run_result import MergingResult, RunResult, TaskFacts
from mtl.config.study import Study
from mtl.config.study_arguments import read_study
from tests.results import run_result

TWO = {name: TaskFacts(primary="r2", higher_is_better=True) for name in ("a", "b")}
FILES = {
    "table": [
        "task.path=my file.csv",
        "task.targets={churn: binary, spend: {column: Money spent, kind: regression}}",
    ],
    "tables": ["task.tables={one: {path: my.csv, targets: {a: binary, b: regression}}}"],
}


def result_of(overrides: Sequence[str]) -> RunResult:
    """A run of two tasks."""
    config = configure(*overrides)
    return run_result().model_copy(update={"config": config, "choices": config.choices, "tasks": TWO})


def compared(*overrides: str) -> Study:
    """What the printed comparison reads its arguments as."""
    found = comparison_arguments(result_of(overrides), overrides)
    assert found is not None
    return read_study(shlex.split(" ".join(found)))


@pytest.mark.parametrize("task", ["scheduling", "table", "tables"])
def test_the_comparison_is_of_the_same_data(task: str) -> None:
    """Whether it is made of what was typed or, of a run that was gone on with, of its config."""
    overrides = [f"task={task}", *FILES.get(task, []), "seed=3", "steps=20", "progress=false", "output=here"]
    asked = result_of(overrides)
    assert configure(*compared(*overrides).overrides, "seed=3", "progress=false") == asked.config
    again = comparison_arguments(asked, ["resume=somewhere"])
    assert again is not None
    assert configure(*read_study(shlex.split(" ".join(again))).overrides).task == asked.config.task


def test_a_model_and_a_weighting_that_were_typed_are_the_ones_compared() -> None:
    study = compared(
        "task=census", "model.experts=8", "weighting=dwa", "weighting.temperature=3", "encoder.widths=[8, 9]"
    )
    assert study.models == ["gated model.experts=8"]
    assert study.weightings == ["dwa weighting.temperature=3"]
    assert study.overrides == ["task=census", "encoder.widths=[8, 9]"]
    inner = ["weighting@weighting.inner=fairgrad", "weighting.inner.alpha=1.5"]
    assert compared("task=census", "weighting=samo", *inner).weightings == [" ".join(["samo", *inner])]
    assert compared("task=census", "model=single_task").models == compared("task=census").models
    assert compared("experiment=census", "epochs=3").question == read_study(["experiment=census"]).question
    assert compared("task=census", "model=trees").baselines == ["trees"]


def test_a_way_to_merge_that_was_typed_is_the_one_compared() -> None:
    """With the keys that were typed for it, as the run had them."""
    typed = ["task=digits", "model=merged", "merge=dare", "model.joint_steps=200", "model.merge.drop=0.4"]
    merging = MergingResult(parts="", start=None, coefficients={}, tried=[], seconds=0.0)
    found = comparison_arguments(result_of(typed).model_copy(update={"merging": merging}), typed)
    assert found is not None
    study = read_study(shlex.split(" ".join(found)))
    assert study.baselines == ["merged"]
    assert study.merges == ["dare model.joint_steps=200 model.merge.drop=0.4"]
    assert study.overrides == ["task=digits"]


def test_a_decoder_that_was_typed_has_the_dispatchers_of_its_improvement() -> None:
    typed = ["task=scheduling", "decoder@execution.decoder=search"]
    assert compared(*typed).overrides == [*typed, "improve=complement_search"]
    assert compared(*typed, "improve=dispatchers").overrides == [*typed, "improve=dispatchers"]
    assert compared("task=scheduling").overrides == ["task=scheduling"]


def test_one_task_is_not_compared() -> None:
    assert comparison_arguments(run_result(), ["task=synthetic"]) is None
