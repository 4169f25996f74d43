"""Contributions gathered while rows are measured: row by row in place, with the metrics as their means."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.classification import BinaryAveragePrecision
from torchmetrics.regression import MeanAbsoluteError

from mtl.module.row_contributions import RowContributions
from mtl.nn.encoder import SINGLE
from mtl.nn.heads import ClassificationHead
from mtl.tasks import NO_LABEL, Task, TaskGraph, binary, choice, classification, labelled, regression
from mtl.weighting.equal import Equal
from tests.support import Rows, module_of

COUNT = 90


def of_every_kind() -> list[Task]:
    """One task of each kind, and one whose metric has no closed form."""
    precision = replace(binary("precision"), metrics={"ap": BinaryAveragePrecision()}, primary="ap")
    absolute = regression("absolute", primary="mae")
    pick = replace(choice("pick"), head=partial(ClassificationHead, classes=4))  # the encoder gives no candidates
    return [
        binary("yes"),
        classification("which", 3),
        regression("number", mean=5.0),
        pick,
        precision,
        absolute,
    ]


def data(missing: bool, seed: int = 0) -> Rows:
    """Rows with labels of every task; if asked, many without: of each task others, and whole batches of one."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(COUNT, 4, generator=draw)
    targets = {
        "yes": (x[:, 0] + torch.randn(COUNT, generator=draw) > 0).long(),
        "which": torch.randint(3, (COUNT,), generator=draw),
        "number": 5 + x[:, 1],
        "pick": (torch.rand(COUNT, 4, generator=draw) > 0.6).float(),
        "precision": (x[:, 2] > 0.5).long(),
        "absolute": x[:, 3].clone(),
    }
    if missing:
        for place, target in enumerate(targets.values()):
            target[torch.rand(COUNT, generator=draw) < 0.1 * place] = (
                torch.nan if target.is_floating_point() else NO_LABEL
            )
        targets["number"][:30] = torch.nan
    return Rows({SINGLE: x}, targets, of_every_kind())


def measured(rows: Rows, batch: int = 30) -> tuple[dict[str, dict[str, float | None]], dict[str, np.ndarray]]:
    """Test metrics and contributions of an untrained network."""
    module = module_of(rows, Equal(len(rows.tasks)))
    rows.setup("test")
    contributions = RowContributions(module.graph)
    batches = rows.loader("test")
    batches.steps = COUNT // batch
    return module.evaluate(batches, contributions).tasks, contributions.result()


@pytest.mark.parametrize("missing", [False, True])
def test_the_mean_over_labelled_rows_is_the_metric(missing: bool) -> None:
    rows = data(missing)
    metrics, found = measured(rows)
    assert list(found) == [task.name for task in rows.tasks]
    for task in rows.tasks:
        has_label = labelled(rows.given.targets[task.name]).numpy()
        np.testing.assert_array_equal(np.isnan(found[task.name]), ~has_label)
        assert np.nanmean(found[task.name]) == pytest.approx(metrics[task.name][task.primary], abs=1e-5), task.name


def test_contributions_do_not_depend_on_the_batches() -> None:
    (_, one), (_, many) = (measured(data(missing=True), batch) for batch in (COUNT, 10))
    for name, values in one.items():
        np.testing.assert_allclose(many[name], values, atol=1e-6)


def test_rows_stay_in_their_order() -> None:
    rows = data(missing=False)
    _, found = measured(rows)
    module = module_of(rows, Equal(len(rows.tasks)))
    error = (module.predict(rows.given.inputs)["absolute"] - rows.given.targets["absolute"]).abs()
    np.testing.assert_allclose(found["absolute"], error, atol=1e-6)


@pytest.mark.parametrize("value", [NO_LABEL, 1], ids=["no label", "one class"])
def test_rows_that_define_no_metric_contribute_nothing(value: int) -> None:
    rows = data(missing=False)
    rows.given.targets["yes"].fill_(value)
    metrics, found = measured(rows)
    assert "auroc" not in metrics["yes"]
    assert np.isnan(found["yes"]).all()
    assert np.isfinite(found["number"]).all()


def test_a_metric_of_wider_targets_is_measured_group_by_group() -> None:
    """The closed form of an absolute error is for one number a row."""
    task = replace(regression("a"), metrics={"mae": MeanAbsoluteError()}, primary="mae")
    contributions = RowContributions(TaskGraph((task,)))
    prediction, target = torch.randn(20, 3), torch.randn(20, 3)
    add(contributions, prediction, target)
    found = contributions.result()["a"]
    errors = (prediction - target).abs().mean(1).numpy()
    assert found.mean() == pytest.approx(errors.mean(), abs=1e-6)
    assert np.corrcoef(found, errors)[0, 1] == pytest.approx(1, abs=1e-3)


def add(contributions: RowContributions, prediction: Tensor, target: Tensor) -> None:
    contributions.add("a", prediction, target, torch.ones(len(target), dtype=torch.bool))
