"""With ``shrinkage`` a network predicts no more of a number than validation confirms."""

from pathlib import Path

import pytest
import torch

from mtl.assembly import Assembly, load
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.shrinkage import shrink, slope_of
from mtl.lifecycle.train import train
from mtl.nn.heads import RegressionHead
from mtl.runs.directory import Run
from tests.support import tiny


def test_the_slope_is_that_of_least_squares_through_the_origin() -> None:
    predicted, target = torch.tensor([1.0, 2.0, -1.0]).double(), torch.tensor([0.5, 0.5, 0.5]).double()
    slope, error = slope_of(predicted, target)
    assert slope == pytest.approx(1 / 6)
    residuals = target - slope * predicted
    assert error == pytest.approx(float((predicted * residuals).square().sum().sqrt()) / 6)


def test_a_row_of_weight_two_is_that_row_twice() -> None:
    """And rows of one group are no further evidence."""
    predicted, target = torch.randn(2, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    twice, groups = torch.arange(30).repeat(2), torch.arange(30).repeat(2)
    once = slope_of(predicted, target)
    assert slope_of(predicted[twice], target[twice], groups=groups) == pytest.approx(once)
    assert slope_of(predicted, target, torch.full((30,), 2.0).double()) == pytest.approx(once)
    assert slope_of(predicted[twice], target[twice])[1] == pytest.approx(once[1] / 2**0.5)


def test_predictions_that_are_all_the_mean_stay() -> None:
    assert slope_of(torch.zeros(3), torch.ones(3)) == (1.0, 0.0)


def stretched(output: Path, *options: str) -> tuple[Run, Assembly, Fitted]:
    """A trained network whose first task's predictions are then made three times as large."""
    result = train(tiny(output, "model=hard", "weighting=equal", "optimizer.lr=0.02", "epochs=12", *options))
    assert result is not None
    assembly = load(result.directory)
    assembly.data.setup("fit")
    head = assembly.module.network.heads["task0"]
    assert isinstance(head, RegressionHead)
    head.shrink(3.0)
    return Run.open(result.directory), assembly, Fitted([], 1, 1, result.selection, 1.0, 1.0, ())


def test_predictions_that_are_too_large_become_what_validation_confirms(tmp_path: Path) -> None:
    """The others stay, the checkpoint has the factor, and a second call changes nothing."""
    run, assembly, fitted = stretched(tmp_path)
    rows = assembly.data.splits["val"]
    before = assembly.module.predict(rows.inputs)
    slope, _ = slope_of(before["task0"], rows.targets["task0"])
    after = shrink(run, assembly, fitted)
    assert [note.split(":")[0] for note in after.notes] == ["task 'task0'"]
    assert 0 < slope < 0.5
    found = load(run.path).module.predict(rows.inputs)
    torch.testing.assert_close(found["task0"], slope * before["task0"], rtol=1e-3, atol=1e-5)
    for name in ("task1", "task2"):
        assert torch.equal(found[name], before[name])
    assert shrink(run, assembly, after) is after
    assert shrink(run, assembly, fitted).notes == after.notes  # as where a run goes on that was ended just then


def test_a_prediction_that_another_task_sees_stays(tmp_path: Path) -> None:
    run, assembly, fitted = stretched(tmp_path, "relations.depends_on={task1: [task0]}")
    assert not any("'task0'" in note for note in shrink(run, assembly, fitted).notes)


def test_a_run_measures_what_it_keeps(tmp_path: Path) -> None:
    """Steps so large that one epoch leaves predictions that nothing confirms."""
    result = train(tiny(tmp_path, "model=hard", "weighting=equal", "shrinkage=true", "epochs=1", "optimizer.lr=0.3"))
    assert result is not None
    assert any("(shrinkage)" in note for note in result.notes)
    assembly = load(result.directory)
    assembly.data.setup("fit")
    measured = assembly.module.evaluate(assembly.data.loader("val")).tasks
    for name, metrics in result.metrics["val"].tasks.items():
        assert measured[name]["loss"] == pytest.approx(metrics["loss"])
