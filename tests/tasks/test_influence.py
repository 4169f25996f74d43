"""Contributions of rows: their mean is the metric, and they vary as the metric does, by two independent references."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryF1Score,
    BinaryMatthewsCorrCoef,
    MulticlassAccuracy,
    MulticlassCohenKappa,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassSpecificity,
)
from torchmetrics.regression import MeanAbsoluteError, MeanSquaredError, R2Score, TweedieDevianceScore
from typing_extensions import override

from mtl.tasks import binary, choice, classification, conditional, count, ordinal, quantiles, regression, survival
from mtl.tasks.concordance import Concordance
from mtl.tasks.influence import auroc_contributions, closed_form, pair, precision_contributions
from mtl.tasks.kinds import BINARY
from mtl.tasks.metrics import (
    BalancedAccuracy,
    ChoiceAccuracy,
    ChoiceRank,
    MatthewsCorrelation,
    PinballLoss,
    PoissonDeviance,
    RankError,
    StandardisedR2,
    StandardisedRMSE,
)

ROWS = 300


def numbers() -> tuple[Tensor, Tensor]:
    """Predictions of a number, whose errors grow with it."""
    draw = torch.Generator().manual_seed(0)
    prediction = torch.randn(ROWS, generator=draw)
    return prediction, prediction + torch.randn(ROWS, generator=draw) * (1 + prediction.abs())


def answers() -> tuple[Tensor, Tensor]:
    """Probabilities of yes, many of them equal, and a third of the answers yes."""
    draw = torch.Generator().manual_seed(1)
    signal = torch.randn(ROWS, generator=draw)
    return signal.sigmoid().mul(20).round() / 20, (signal + torch.randn(ROWS, generator=draw) > 0.6).long()


def classes() -> tuple[Tensor, Tensor]:
    """Probabilities of five classes, of which one is rare and one in no row."""
    draw = torch.Generator().manual_seed(2)
    logits = torch.randn(ROWS, 4, generator=draw) - torch.tensor([0.0, 0, 0, 0.7])
    target = (logits + torch.randn(ROWS, 4, generator=draw)).argmax(1)
    return torch.cat([logits.softmax(1), torch.zeros(ROWS, 1)], 1), target


def of_few_classes() -> tuple[Tensor, Tensor]:
    """The same, of rows among which one of the classes that are predicted does not occur."""
    prediction, target = classes()
    return prediction, target.where(target != 2, 1)


def choices() -> tuple[Tensor, Tensor]:
    """Scores of four candidates, one or more of them acceptable."""
    draw = torch.Generator().manual_seed(3)
    scores = torch.randn(ROWS, 4, generator=draw)
    return scores, (scores + torch.randn(ROWS, 4, generator=draw) > 1).float()


def counts() -> tuple[Tensor, Tensor]:
    """Rates, and counts drawn of nearly these."""
    draw = torch.Generator().manual_seed(4)
    rate = torch.randn(ROWS, generator=draw).exp()
    return rate, torch.poisson(rate * torch.rand(ROWS, generator=draw) * 2, generator=draw)


def intervals() -> tuple[Tensor, Tensor]:
    """Two quantiles of each row, and numbers."""
    center, target = numbers()
    return torch.stack([center - 1, center + 1], 1), target


def lifetimes() -> tuple[Tensor, Tensor]:
    """Predicted times in steps, and true ones, of which a third is censored."""
    draw = torch.Generator().manual_seed(5)
    risk, last = torch.randn(ROWS, generator=draw), torch.rand(ROWS, generator=draw) * 4
    time = (-torch.rand(ROWS, generator=draw).log() * risk.exp()).mul(20).round() / 20
    return risk.mul(5).round(), torch.stack([time.minimum(last), (time <= last).float()], 1)


CASES = {
    "mae": (MeanAbsoluteError(), numbers),
    "mse": (MeanSquaredError(), numbers),
    "rmse": (MeanSquaredError(squared=False), numbers),
    "standardised rmse": (StandardisedRMSE(2.0), numbers),
    "r2": (R2Score(), numbers),
    "standardised r2": (StandardisedR2(5.0, 2.0), numbers),
    "auroc": (BinaryAUROC(), answers),
    "average precision": (BinaryAveragePrecision(), answers),
    "mcc": (MatthewsCorrelation(threshold=0.4), answers),
    "binary accuracy": (BinaryAccuracy(), answers),
    "binary f1": (BinaryF1Score(threshold=0.4), answers),
    "accuracy": (MulticlassAccuracy(5, average="micro"), classes),
    "mean accuracy": (MulticlassAccuracy(5, average="macro"), classes),
    "balanced accuracy": (BalancedAccuracy(5), of_few_classes),
    "macro f1": (MulticlassF1Score(5, average="macro"), classes),
    "weighted f1": (MulticlassF1Score(5, average="weighted"), classes),
    "specificity": (MulticlassSpecificity(5), classes),
    "kappa": (MulticlassCohenKappa(5, weights="quadratic"), classes),
    "distance of ranks": (RankError(), classes),
    "poisson deviance": (PoissonDeviance(), counts),
    "pinball": (PinballLoss((0.1, 0.9)), intervals),
    "concordance": (Concordance(), lifetimes),
    "choice accuracy": (ChoiceAccuracy(), choices),
    "choice rank": (ChoiceRank(), choices),
}


# One of each closed form, which rows with weights are tested by; several are of means over rows and of counts
FORMS = (
    *("pinball", "rmse", "standardised r2", "auroc", "average precision"),
    *("binary f1", "mcc", "macro f1", "kappa", "concordance"),
)


def contributions(metric: Metric, prediction: Tensor, target: Tensor) -> np.ndarray:
    """By the closed form, in two batches."""
    form = closed_form(metric)
    assert form is not None
    parts = [form.statistics(prediction[rows], target[rows]) for rows in (slice(0, 7), slice(7, None))]
    return form.contributions(torch.cat(parts)).numpy()


def measured(metric: Metric, prediction: Tensor, target: Tensor) -> float:
    own = metric.clone()
    own.update(prediction, target)
    return float(own.compute())


@pytest.mark.parametrize("case", CASES)
def test_the_mean_of_the_contributions_is_the_metric(case: str) -> None:
    metric, data = CASES[case]
    assert contributions(metric, *data()).mean() == pytest.approx(measured(metric, *data()), abs=3e-6)


@pytest.mark.parametrize("case", [name for name in CASES if name not in FORMS])  # those are left out with weights
def test_contributions_are_those_of_leaving_a_row_out(case: str) -> None:
    """To first order: row by row nearly the pseudo-values of the jackknife, and nearly of their variance."""
    metric, data = CASES[case]
    prediction, target = data()
    whole = measured(metric, prediction, target)
    keep = ~torch.eye(ROWS, dtype=torch.bool)
    without = np.array([measured(metric, prediction[rows], target[rows]) for rows in keep])
    pseudo = ROWS * whole - (ROWS - 1) * without
    found = contributions(metric, prediction, target)
    assert np.corrcoef(found, pseudo)[0, 1] > 0.999
    assert found.var() / pseudo.var() == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("case", CASES)
def test_contributions_vary_as_the_metric_does_over_samples_of_rows(case: str) -> None:
    """Beside 400 bootstrap samples, whose variance is itself known to 7 %."""
    metric, data = CASES[case]
    prediction, target = data()
    draw = torch.Generator().manual_seed(0)
    samples = [torch.randint(ROWS, (ROWS,), generator=draw) for _ in range(400)]
    values = [measured(metric, prediction[rows], target[rows]) for rows in samples]
    assert contributions(metric, prediction, target).var() / ROWS == pytest.approx(np.var(values), rel=0.25)


@pytest.mark.parametrize(
    "case", ["mae", "mse", "binary accuracy", "accuracy", "choice accuracy", "choice rank", "pinball"]
)
def test_of_a_mean_a_row_contributes_its_own_value(case: str) -> None:
    metric, data = CASES[case]
    prediction, target = data()
    found = contributions(metric, prediction, target)
    own = [measured(metric, prediction[row : row + 1], target[row : row + 1]) for row in range(20)]
    np.testing.assert_allclose(found[:20], own, rtol=1e-5, atol=1e-9)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=20))
def test_placements_count_pairs(rows: list[tuple[int, bool]]) -> None:
    """Ties count half; one class alone defines nothing."""
    pairs = torch.tensor(rows, dtype=torch.float64)
    found = auroc_contributions(pairs)
    positive = [score for score, yes in rows if yes]
    negative = [score for score, yes in rows if not yes]
    if not positive or not negative:
        assert found.isnan().all()
        return
    won = np.array([[(p > n) + 0.5 * (p == n) for n in negative] for p in positive])
    area, m = won.mean(), len(rows)
    by_positive = area + m / len(positive) * (won.mean(1) - area)
    by_negative = area + m / len(negative) * (won.mean(0) - area)
    np.testing.assert_allclose(found[pairs[:, 1] == 1], by_positive, atol=1e-12)
    np.testing.assert_allclose(found[pairs[:, 1] == 0], by_negative, atol=1e-12)


@settings(max_examples=40)
@given(st.integers(2, 30), st.integers(0, 1000))
def test_counts_of_classes_give_finite_contributions_around_the_metric(rows: int, seed: int) -> None:
    """Also where classes are in no row, or never predicted."""
    draw = torch.Generator().manual_seed(seed)
    prediction, target = torch.rand(rows, 6, generator=draw), torch.randint(6, (rows,), generator=draw)
    for metric in (MulticlassF1Score(6, average="macro"), MulticlassPrecision(6), MulticlassSpecificity(6)):
        found = contributions(metric, prediction, target)
        assert np.isfinite(found).all()
        assert found.mean() == pytest.approx(measured(metric, prediction, target), abs=1e-6)


def test_what_has_no_variance_has_none() -> None:
    perfect = torch.arange(5.0)
    assert contributions(MeanSquaredError(squared=False), perfect, perfect).tolist() == [0] * 5
    assert contributions(R2Score(), perfect, perfect).tolist() == [1] * 5
    assert contributions(BinaryMatthewsCorrCoef(), perfect / 4, (perfect > 2).long()).tolist() == [1] * 5


def test_average_precision_needs_a_positive() -> None:
    """Rows without weight change nothing, also where they have the highest scores."""
    score, target = torch.tensor([0.1, 0.7, 0.9]), torch.tensor([1, 0, 0])
    assert np.isnan(contributions(BinaryAveragePrecision(), score, 0 * target)).all()
    found = precision_contributions(pair(score, target), torch.tensor([2.0, 1.0, 0.0]))
    assert found.mean() == pytest.approx(2 / 3)


def test_targets_that_are_all_equal_do_not_define_r2() -> None:
    assert np.isnan(contributions(R2Score(), torch.arange(5.0), torch.ones(5))).all()


def test_tasks_of_every_kind_are_compared_by_metrics_with_a_closed_form() -> None:
    numbers = [regression("a", primary=name) for name in ("r2", "mae", "rmse")]
    others = [
        *(binary("a", primary=name) for name in BINARY),
        *(count("a", primary=name) for name in ("deviance", "mae", "rmse")),
        *(ordinal("a", [0.2, 0.3, 0.5], primary=name) for name in ("mae", "kappa", "accuracy")),
        quantiles("a", [0.1, 0.9]),
        survival("a", [0.0, 1.0, 2.0]),
    ]
    for task in (binary("a"), conditional("a", "b"), classification("a", 3), choice("a"), *numbers, *others):
        assert all(closed_form(metric) is not None for metric in task.metrics.values())


class InLogarithms(MeanAbsoluteError):
    """Measures something else than its base."""

    @override
    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.log(), target.log())


class Doubled(R2Score):
    """Computes something else than its base."""

    @override
    def compute(self) -> Tensor:
        return 2 * super().compute()


class OfLogits(MulticlassF1Score):
    """Counts something else than its base."""

    @override
    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds[:, ::-1], target)


OTHERS: dict[str, Metric] = {
    "in logarithms": InLogarithms(),
    "doubled": Doubled(),
    "of logits": OfLogits(5),
    "adjusted r2": R2Score(adjusted=2),
    "part of the curve": BinaryAUROC(max_fpr=0.5),
    "thresholds": BinaryAUROC(thresholds=10),
    "average precision at thresholds": BinaryAveragePrecision(thresholds=10),
    "average precision without some rows": BinaryAveragePrecision(ignore_index=-1),
    "mcc without some rows": BinaryMatthewsCorrCoef(ignore_index=-1),
    "auroc without some rows": BinaryAUROC(ignore_index=-1),
    "accuracy without some rows": BinaryAccuracy(ignore_index=-1),
    "one of the first two": MulticlassAccuracy(5, top_k=2),
    "kappa without some rows": MulticlassCohenKappa(5, ignore_index=-1),
    "gamma deviance": TweedieDevianceScore(2),
    "by sample": MulticlassAccuracy(5, multidim_average="samplewise"),
}


@pytest.mark.parametrize("metric", OTHERS.values(), ids=OTHERS)
def test_what_measures_otherwise_has_no_closed_form(metric: Metric) -> None:
    assert closed_form(metric) is None
