"""Whatever tasks are called, every number of theirs has a key of its own, and is right."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torchmetrics import SumMetric

from mtl.errors import InputError
from mtl.module.evaluation import Evaluation
from mtl.module.module import MultiTaskModule
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, regression
from mtl.tasks.measuring import computed
from mtl.training.callbacks import Dashboard
from mtl.weighting.equal import Equal
from tests.support import Rows, fit, module_of, rows

# Words that also name a metric, a key of the result, a prefix of the dashboard, or an attribute of a torch module
NAMES = ("loss", "r2", "score", "execution", "train", "items", "mae", "val", "weight", "training")
GAP = 0.125


class Pair(SumMetric):
    """Two numbers."""

    def compute(self) -> torch.Tensor:
        return torch.ones(2)


class Above(SumMetric):
    """How many errors are above a number."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        super().update(((prediction - target).abs() > self.least).sum())


class Acting(Rows):
    """Rows, and something to act in."""

    def validation_rollout(self, predict: Callable[[Any], Any]) -> dict[str, float]:
        return {"execution_gap": GAP}


def named() -> Acting:
    """A task of each name, of unlike difficulty."""
    plain = rows(40, tasks=len(NAMES)).given
    targets = {name: value * (i + 1) for i, (name, value) in enumerate(zip(NAMES, plain.targets.values(), strict=True))}
    return Acting(plain.inputs, targets, [regression(name) for name in NAMES])


def by_hand(module: MultiTaskModule, data: Rows) -> dict[str, dict[str, float]]:
    """Mean loss and metrics of every task."""
    predictions = module.predict(data.given.inputs)
    found = {}
    for name, target in data.given.targets.items():
        error = predictions[name] - target
        found[name] = {
            "loss": float(error.square().mean()),
            "mae": float(error.abs().mean()),
            "r2": float(1 - error.square().sum() / (target - target.mean()).square().sum()),
        }
    return found


def test_every_task_name_has_distinct_and_right_numbers() -> None:
    data = named()
    module = fit(data, module_of(data, Equal(len(NAMES))), batch_size=20)
    measured = module.evaluate(data.loader("val"))
    expected = by_hand(module, data)
    for name in NAMES:
        assert {key: measured.tasks[name][key] for key in expected[name]} == pytest.approx(expected[name], rel=1e-4)
    losses = [values["loss"] for values in expected.values()]
    assert measured.score == pytest.approx(math.exp(sum(map(math.log, losses)) / len(losses)), rel=1e-4)
    assert len(set(measured.flat().values())) == len(measured.flat()) == 1 + sum(map(len, measured.tasks.values()))


def test_every_task_name_has_tags_of_its_own_on_the_dashboard(tmp_path: Path) -> None:
    data = named()
    board = TensorBoardLogger(tmp_path, name="", version="")
    module = module_of(data, Equal(len(NAMES)))
    fit(data, module, batch_size=20, callbacks=[Dashboard(every=1)], loggers=[board])
    board.finalize("success")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    last = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}
    for name, values in by_hand(module, data).items():
        assert {key: last[f"val/{name}/{key}"] for key in values} == pytest.approx(values, rel=1e-4)
        assert last[f"weight/{name}"] == 1
        assert len(events.Scalars(f"train/{name}/loss")) == 4  # steps
    assert last["val/score"] == pytest.approx(module.evaluate(data.loader("val")).score)
    assert last["val/execution_gap"] == GAP


def test_a_loss_that_is_not_finite_is_there_and_has_no_value() -> None:
    data = rows(10)
    module = module_of(data, Equal(3))
    with torch.no_grad():
        next(module.network.heads["t1"].parameters()).fill_(math.inf)
    data.setup("fit")
    measured = module.evaluate(data.loader("val"))
    assert measured.tasks["t1"]["loss"] is None
    assert measured.score is None
    assert measured.tasks["t0"]["loss"] is not None


def test_metrics_that_do_not_fit_are_named() -> None:
    """What own tasks decode, or own metrics give, is not of the shape that was meant."""
    batch = Batch({}, {"a": torch.ones(3)})
    wide = Evaluation(TaskGraph((replace(regression("a"), decode=lambda p: p[:, None].expand(-1, 2)),)))
    with pytest.raises(
        InputError, match=r"^the metrics of task 'a' do not take what is decoded, \(3, 2\), with targets"
    ):
        wide.add({"a": torch.zeros(3)}, batch)
    pair = Pair()
    pair.update(1.0)
    with pytest.raises(InputError, match=r"^metric Pair gives the shape \(2,\), torch.float32: expected one number"):
        computed(pair)


def test_metrics_that_begin_alike_are_two() -> None:
    """torchmetrics takes two for one whose states are equal after the first batch."""
    metrics = {**regression("a").metrics, "rare": Above(1), "rarer": Above(2)}
    measured = Evaluation(TaskGraph([replace(regression("a"), metrics=metrics)]))
    for error in (0.5, 1.5, 2.5):
        measured.add({"a": torch.full((2,), error)}, Batch({}, {"a": torch.zeros(2)}))
    found = measured.result().tasks["a"]
    assert (found["rare"], found["rarer"]) == (4.0, 2.0)


def test_a_loss_below_zero_is_warned_of_once() -> None:
    """The geometric mean does not see it change, so that it would select nothing unnoticed."""
    measured = Evaluation(TaskGraph([replace(regression("density"), loss=lambda p, t: p - t), regression("other")]))
    batch = Batch({}, {"density": torch.full((3,), 2.0), "other": torch.ones(3)})
    predictions = {"density": torch.zeros(3), "other": torch.zeros(3)}
    measured.add(predictions, batch)
    with pytest.warns(UserWarning, match="validation loss of task 'density' is below 0"):
        found = measured.validation_result(1)
    assert found.tasks["density"]["loss"] == -2.0
    measured.add(predictions, batch)
    assert measured.validation_result(2) == found  # where a second warning would be an error


def test_the_score_is_of_the_tasks_that_count() -> None:
    data = named()
    data.set_auxiliary([name for name in NAMES if name not in ("r2", "val")])
    data.setup("fit")
    module = module_of(data, Equal(len(NAMES)))
    measured = module.evaluate(data.loader("val"))
    losses = [measured.tasks[name]["loss"] for name in ("r2", "val")]
    assert measured.score == pytest.approx(math.sqrt(losses[0] * losses[1]))
    assert all(measured.tasks[name] for name in NAMES)


def test_a_checkpoint_is_not_selected_by_labels_of_auxiliary_tasks_alone() -> None:
    data = rows(10, tasks=2)
    data.given.targets["t0"][:] = torch.nan
    data.set_auxiliary(["t1"])
    evaluation = Evaluation(TaskGraph(data.tasks))
    batch = Batch(data.given.inputs, data.given.targets)
    evaluation.add({name: torch.zeros(10) for name in ("t0", "t1")}, batch)
    with pytest.raises(InputError, match="no row of the val split has a label of a task that counts"):
        evaluation.validation_result(0)
