"""Metrics of rows with weights: whole numbers as weights are as many copies of a row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAUROC

from mtl.errors import InputError
from mtl.module.row_contributions import RowContributions
from mtl.tasks import TaskGraph, binary, with_row_weights
from mtl.tasks.influence import closed_form
from mtl.tasks.weighted import WeightedMetric
from tests.tasks.test_influence import CASES, FORMS, ROWS, measured

WEIGHTS = torch.randint(0, 4, (ROWS,), generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("case", FORMS)
def test_a_weight_is_a_number_of_copies(case: str) -> None:
    """The metric is that of the copies, and a row contributes what leaving out all of its copies changes."""
    metric, data = CASES[case]
    prediction, target = data()

    def copied(weights: torch.Tensor) -> float:
        return measured(metric, prediction.repeat_interleave(weights, 0), target.repeat_interleave(weights, 0))

    weighted = WeightedMetric(metric, case)
    for rows in (slice(0, 7), slice(7, None)):
        weighted.update(prediction[rows], target[rows], WEIGHTS[rows].float())
    assert float(weighted.compute()) == pytest.approx(copied(WEIGHTS), abs=3e-6)
    form = closed_form(weighted)
    assert form is not None
    found = form.contributions(form.statistics(prediction, target), WEIGHTS.double()).numpy()
    assert found.mean() == pytest.approx(copied(WEIGHTS), abs=3e-6)
    without = np.array([copied(WEIGHTS * (torch.arange(ROWS) != row)) for row in range(ROWS)])
    pseudo = ROWS * copied(WEIGHTS) - (ROWS - 1) * without
    assert np.corrcoef(found, pseudo)[0, 1] > 0.998
    assert found.var() / pseudo.var() == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("case", FORMS)
def test_rows_are_measured_without_gradients(case: str) -> None:
    """As a network's rows are: what is kept of them is of inference mode, where no gradient is taken."""
    metric, data = CASES[case]
    prediction, target = data()
    weighted = WeightedMetric(metric, case)
    weighted.update(prediction, target, WEIGHTS.float())
    expected = float(weighted.compute())
    weighted.reset()
    with torch.inference_mode():
        weighted.update(prediction.clone(), target.clone(), WEIGHTS.float())
        assert float(weighted.compute()) == expected


def test_metrics_of_a_task_stay_apart_and_are_forgotten() -> None:
    """Also where the first batch says the same of all."""
    task = with_row_weights(binary("a"))
    assert task.higher_is_better
    metrics = MetricCollection(dict(task.metrics)).clone()
    metrics.update(torch.tensor([0.9, 0.1]), torch.tensor([1.0, 0.0]), torch.ones(2))
    metrics.update(torch.tensor([0.6, 0.7]), torch.tensor([0.0, 1.0]), torch.tensor([3.0, 1.0]))
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert found == pytest.approx({"auroc": 1.0, "accuracy": 0.5})
    metrics.reset()
    metrics.update(torch.tensor([0.9, 0.1]), torch.tensor([1.0, 0.0]), torch.ones(2))
    assert float(metrics["accuracy"].compute()) == 1


def test_a_row_without_weight_contributes_nothing() -> None:
    """So that an interval is not that of so many rows more."""
    kept = RowContributions(TaskGraph((with_row_weights(binary("a")),)))
    scores, target = torch.tensor([0.9, 0.2, 0.6, 0.7, 0.4]), torch.tensor([0.0, 0, 0, 1, 1])
    labelled = torch.tensor([True, True, False, True, True, True])
    kept.add("a", scores, target, labelled, torch.tensor([2.0, 1, 0, 1, 3]))
    found = kept.result()["a"]
    assert np.isnan(found).tolist() == [False, False, True, True, False, False]
    assert np.nanmean(found) == pytest.approx(4 / 12)  # positives of 4 are above negatives of 1, and below those of 2


def test_a_metric_that_is_not_known_with_weights_is_refused() -> None:
    task = replace(binary("a"), metrics={"part": BinaryAUROC(max_fpr=0.5)}, primary="part")
    with pytest.raises(InputError, match="metric 'part' of task 'a' is not known for rows with weights"):
        with_row_weights(task)
