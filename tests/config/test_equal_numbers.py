"""Equal numbers give one id, however they are typed."""

import pytest

from mtl.config.compose import configure
from mtl.config.equal_numbers import whole_as_integers
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.runs.identity import run_id
from mtl.sweep.entries import with_values
from mtl.sweep.planner import comparison_id


@pytest.mark.parametrize(
    ("whole", "point"),
    [
        (["weighting=dwa", "weighting.temperature=3"], ["weighting=dwa", "weighting.temperature=3.0"]),
        (
            ["weighting=fixed", "weighting.weights={task0:1,task1:2}"],
            ["weighting=fixed", "weighting.weights={task0:1.0,task1:2e0}"],
        ),
        (
            ["weighting=upgrad", "weighting.preference=[1,2,1]"],
            ["weighting=upgrad", "weighting.preference=[1.0,2.0,1]"],
        ),
        (["optimizer.lr=1"], ["optimizer.lr=1.0"]),
        (["optimizer.lr=0.001"], ["optimizer.lr=1e-3"]),
        (["+optimizer.weight_decay=0"], ["+optimizer.weight_decay=0.0"]),
        (["+optimizer.betas=[0,0.9]"], ["+optimizer.betas=[0.0,0.9]"]),
        (["encoder.dropout=0"], ["encoder.dropout=0.0"]),
        (["gradient_clip=1"], ["gradient_clip=1.0"]),
        (
            ["model=merged", "merge=ties", "model.merge.keep=1", "model.merge.coefficients=[1,2]"],
            ["model=merged", "merge=ties", "model.merge.keep=1.0", "model.merge.coefficients=[1.0,2.0]"],
        ),
    ],
    ids=lambda typed: " ".join(typed),
)
def test_equal_numbers_give_one_run(whole: list[str], point: list[str]) -> None:
    first, second = (configure("task=synthetic", "model=hard", *typed) for typed in (whole, point))
    assert first == second
    assert run_id(first) == run_id(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tasks=[task0,task1]", "tasks=[task1,task0]"),
        ("grouping=[[task0,task1],[task2,task3]]", "grouping=[[task3,task2],[task0,task1]]"),
        ("grouping=[[task0,task1],[task2]]", "grouping=[[task0,task1]]"),  # who is in no group is alone
    ],
)
def test_the_order_in_which_tasks_are_typed_changes_no_number_and_no_id(one: str, other: str) -> None:
    """A suite keeps its own order, and groups are sorted by it."""
    found = [run_id(configure("task=synthetic", "task.num_tasks=4", "model=hard", typed)) for typed in (one, other)]
    assert found[0] == found[1]


def test_a_number_that_is_another_one_gives_another_run() -> None:
    found = {
        run_id(configure("task=synthetic", "weighting=fixed", f"weighting.weights={{task0:{value}}}"))
        for value in ("1", "1.5", "2", "null")
    }
    assert len(found) == 4


def test_whole_numbers_are_written_as_integers_at_any_depth() -> None:
    assert repr(whole_as_integers({"a": [1.0, 0.5, True, "1.0"]})) == "{'a': [1, 0.5, True, '1.0']}"


def test_the_values_of_a_grid_give_the_runs_that_are_typed_so() -> None:
    typed = configure("task=synthetic", "weighting=dwa", "weighting.temperature=3.0")
    config = configure("task=synthetic", "weighting=dwa")
    assert run_id(with_values(config, {"weighting.temperature": 3})) == run_id(typed)


def test_the_name_of_a_comparison_does_not_depend_on_how_numbers_are_typed() -> None:
    def name(grid: str, dropout: str) -> str:
        study = read_study(["task=synthetic", "tune=true", f"grid={{weighting.temperature:[{grid}]}}"])
        return comparison_id(study, [configure("task=synthetic", f"encoder.dropout={dropout}")], "data", halving=False)

    assert name("1,2", "0") == name("1.0,2e0", "0.0") != name("1,2.5", "0")


def test_a_baseline_is_named_once() -> None:
    with pytest.raises(InputError, match=r"baselines=\[trees,trees\]: expected each name once"):
        read_study(["task=synthetic", "baselines=[trees,trees]"])
