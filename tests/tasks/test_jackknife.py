"""The group jackknife of any metric: its mean is the metric, its variance that of leaving groups out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision, MulticlassJaccardIndex
from torchmetrics.regression import MeanAbsoluteError, R2Score

from mtl.tasks.jackknife import GROUPS, group_jackknife


def numbers(rows: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(rows)
    prediction = torch.randn(rows, generator=draw)
    return prediction, prediction + torch.randn(rows, generator=draw)


def r2(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(1 - ((prediction - target) ** 2).sum() / ((target - target.mean()) ** 2).sum())


@settings(max_examples=20)  # each measures the metric up to 200 times
@given(st.integers(3, 3 * GROUPS))
def test_contributions_of_a_mean_have_the_variance_of_the_mean(rows: int) -> None:
    """To first order, over any number of rows; their mean is the metric."""
    prediction, target = numbers(rows)
    found = group_jackknife(MeanAbsoluteError(), prediction, target).numpy()
    errors = (prediction - target).abs().double().numpy()
    assert found.mean() == pytest.approx(errors.mean(), rel=1e-5)
    groups = min(GROUPS, rows)
    variance = ((found - found.mean()) ** 2).sum() / rows**2
    if rows <= GROUPS:
        assert variance == pytest.approx(errors.var(ddof=1) / rows, rel=1e-3)
    else:  # of G values instead of m: known to sqrt(2 / G) of itself
        assert variance == pytest.approx(errors.var(ddof=1) / rows, rel=6 * np.sqrt(2 / groups))


@pytest.mark.parametrize("rows", [50, GROUPS, 2 * GROUPS, 1000])
def test_the_variance_is_that_of_the_delete_a_group_jackknife(rows: int) -> None:
    """``(G - 1) / G sum_g (T_g - mean)^2`` for groups of one size."""
    prediction, target = numbers(rows)
    found = group_jackknife(R2Score(), prediction, target).numpy()
    x, y = prediction.double().numpy(), target.double().numpy()
    groups = min(GROUPS, rows)
    number = np.arange(rows) % groups
    without = np.array([r2(x[number != g], y[number != g]) for g in range(groups)])
    expected = (groups - 1) / groups * ((without - without.mean()) ** 2).sum()
    assert ((found - found.mean()) ** 2).sum() / rows**2 == pytest.approx(expected, rel=1e-3)
    assert len(set(np.round(found, 9))) <= groups


def test_contributions_vary_as_the_metric_does_over_samples_of_rows() -> None:
    draw = torch.Generator().manual_seed(0)
    signal = torch.randn(900, generator=draw)
    target = (signal + torch.randn(900, generator=draw) > 0.5).long()
    found = group_jackknife(BinaryAveragePrecision(), signal.sigmoid(), target).numpy()
    metric, values = BinaryAveragePrecision(), []
    for _ in range(400):
        rows = torch.randint(900, (900,), generator=draw)
        metric.reset()
        metric.update(signal.sigmoid()[rows], target[rows])
        values.append(float(metric.compute()))
    assert found.var() / 900 == pytest.approx(np.var(values), rel=0.3)


def test_a_metric_that_needs_every_group_says_nothing_of_its_variance() -> None:
    """One row of a class: without it nothing is defined."""
    target = torch.tensor([1, 0, 0, 0])
    assert group_jackknife(BinaryAUROC(), torch.rand(4), target).isnan().all()


def test_one_row_contributes_the_metric() -> None:
    assert group_jackknife(MeanAbsoluteError(), torch.tensor([3.0]), torch.tensor([1.0])).tolist() == [2.0]


def test_the_metric_given_stays_as_it_is() -> None:
    metric = MeanAbsoluteError()
    metric.update(torch.ones(2), torch.zeros(2))
    group_jackknife(metric, *numbers(10))
    assert float(metric.compute()) == 1


class BatchMeans(MeanAbsoluteError):
    """A mean of the means of what it is given at once, which says that it may be added up."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update((preds - target).abs().mean().unsqueeze(0) ** 2, torch.zeros(1))


@pytest.mark.parametrize("metric", [MulticlassJaccardIndex(3, ignore_index=9), MeanAbsoluteError(), BatchMeans()])
@pytest.mark.parametrize("rows", [7, GROUPS + 30])
def test_sums_of_the_groups_give_what_measuring_without_each_gives(
    metric: Metric, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an answer for every place, some of which do not count; and where the sums do not give the metric."""
    draw = torch.Generator().manual_seed(rows)
    target = torch.randint(3, (rows, 4, 2), generator=draw)
    prediction = torch.where(torch.rand(target.shape, generator=draw) < 0.6, target, (target + 1) % 3)
    if isinstance(metric, MulticlassJaccardIndex):
        target[torch.rand(target.shape, generator=draw) < 0.3] = 9
    else:
        prediction, target = prediction.float(), target.float()
    found = group_jackknife(metric, prediction, target)
    monkeypatch.setattr("mtl.tasks.jackknife._is_sums", lambda metric: False)
    torch.testing.assert_close(found, group_jackknife(metric, prediction, target), atol=2e-4, rtol=2e-4)
