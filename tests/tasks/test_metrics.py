"""Metrics of our own, by hand."""

import pytest
import torch
from torchmetrics import MetricCollection

from mtl.tasks import binary, classification, regression
from mtl.tasks.influence import closed_form
from mtl.tasks.measuring import computed
from mtl.tasks.metrics import (
    AbsolutePercentageError,
    BalancedAccuracy,
    ChoiceAccuracy,
    ChoiceRank,
    Coverage,
    MatthewsCorrelation,
    PinballLoss,
    RankError,
    StandardisedR2,
    root_mean_squared_error,
)

SCORES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5]])
TARGET = torch.tensor([[1.0, 0, 0], [1, 0, 1], [1, 0, 0]])


def test_choice_accuracy_counts_acceptable_choices() -> None:
    """The first row only: its best candidate is acceptable."""
    metric = ChoiceAccuracy()
    metric.update(SCORES, TARGET)
    torch.testing.assert_close(metric.compute(), torch.tensor(1 / 3))


def test_choice_rank_is_that_of_the_best_acceptable_candidate() -> None:
    """Ranks 1, 2 and 3; a row without an acceptable candidate counts as 1."""
    metric = ChoiceRank()
    metric.update(SCORES, TARGET)
    torch.testing.assert_close(metric.compute(), torch.tensor(2.0))
    metric.update(SCORES[:1], torch.zeros(1, 3))
    torch.testing.assert_close(metric.compute(), torch.tensor(7 / 4))


def test_a_class_without_rows_is_no_part_of_balanced_accuracy() -> None:
    """Half of the first class and all of the second; that the third is predicted once is a mistake of the first."""
    metric = BalancedAccuracy(4)
    metric.update(torch.tensor([0, 2, 1, 1]), torch.tensor([0, 0, 1, 1]))
    torch.testing.assert_close(metric.compute(), torch.tensor(3 / 4))
    metric.update(torch.tensor([3]), torch.tensor([2]))  # one row is a class, too
    torch.testing.assert_close(metric.compute(), torch.tensor(1 / 2))


def test_distances_of_ranks_have_no_sign() -> None:
    """The most probable classes are 0, 1 and 2, beside 2, 1 and 1."""
    assert RankError().values(SCORES, torch.tensor([2, 1, 1])).tolist() == [2, 0, 1]


QUANTILES = torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
BESIDE = torch.tensor([3.0, 0.0, 4.0, 1.0])


def test_pinball_loss_is_the_mean_over_the_levels() -> None:
    """What is above a quantile counts by its level, what is below by the rest."""
    found = PinballLoss((0.1, 0.5, 0.9)).values(QUANTILES, BESIDE)
    expected = torch.tensor([0.2 + 0.5 + 0.1, 0.9 + 1.0 + 0.4, 0.3 + 1.0 + 0.0, 0.0 + 0.5 + 0.3]) / 3
    torch.testing.assert_close(found, expected)


def test_coverage_counts_targets_between_the_outer_quantiles_and_at_them() -> None:
    assert Coverage().values(QUANTILES, BESIDE).tolist() == [True, False, True, True]
    assert Coverage().values(QUANTILES[:, :2], BESIDE).tolist() == [False, False, False, True]
    assert Coverage().values(QUANTILES[:, :1], BESIDE).tolist() == [False, True, False, True]


def test_percentage_errors_are_of_the_sizes_of_the_targets() -> None:
    scores, targets = torch.tensor([1.0, -3.0, 6.0]), torch.tensor([2.0, -2.0, 4.0])
    assert AbsolutePercentageError().values(scores, targets).tolist() == [0.5, 0.5, 0.5]
    assert AbsolutePercentageError(-6.0).values(scores, targets).tolist() == [0.25, 0.125, 1.0]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((90, 0, 10, 0), 0.0),  # no to all
        ((0, 90, 0, 10), 0.0),  # yes to all
        ((90, 10, 0, 0), 0.0),  # labels of one class
        ((90, 0, 0, 10), 1.0),
        ((0, 5, 5, 0), -1.0),
        ((10, 0, 0, 0), 1.0),
        ((40, 10, 20, 30), 1000 / (50 * 50 * 60 * 40) ** 0.5),
    ],
)
def test_matthews_correlation_is_zero_where_answers_do_not_follow_labels(
    counts: tuple[int, int, int, int], expected: float
) -> None:
    """Right and wrong noes, wrong and right yeses; what rows contribute has this mean too."""
    answers = torch.tensor([0.0, 1.0, 0.0, 1.0]).repeat_interleave(torch.tensor(counts))
    labels = torch.tensor([0, 0, 1, 1]).repeat_interleave(torch.tensor(counts))
    metric = MatthewsCorrelation()
    assert float(metric(answers, labels)) == pytest.approx(expected, abs=1e-6)
    form = closed_form(metric)
    assert form is not None
    assert float(form.contributions(form.statistics(answers, labels)).mean()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (100.0, 30.0), (1e4, 5e5), (0.0, 1e-3)])
@pytest.mark.parametrize("predicted", [300.0, 2e4])
def test_r2_is_that_of_the_rows_whatever_the_spread_of_the_training_labels(
    mean: float, std: float, predicted: float
) -> None:
    """Beside a standard deviation that a single label has made large, all sums of squares are tiny."""
    target = torch.arange(150.0)
    metric = StandardisedR2(mean, std)
    for rows in (slice(0, 70), slice(70, None)):
        metric.update(torch.full_like(target[rows], predicted), target[rows])
    expected = 1 - (predicted - target).square().sum() / (target - target.mean()).square().sum()
    assert float(metric.compute()) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("unit", [1e-30, 1e-21, 1.0, 1e20, 1e30])
def test_errors_are_those_of_the_rows_in_any_unit(unit: float) -> None:
    """Squares of these numbers have no place in single precision: their root would be 0, or infinite."""
    target = torch.arange(150.0) * unit
    predicted = target + unit * torch.linspace(-2, 3, 150)
    metric = root_mean_squared_error(float(target.double().std()))
    for rows in (slice(0, 70), slice(70, None)):
        metric.update(predicted[rows], target[rows])
    expected = (predicted.double() - target.double()).square().mean().sqrt()
    assert float(metric.compute()) == pytest.approx(float(expected), rel=1e-4, abs=0)


def test_targets_that_are_all_equal_do_not_define_r2() -> None:
    for count in (1, 2, 1000):
        metric = StandardisedR2(0.3, 1.7)
        metric.update(torch.arange(float(count)), torch.full((count,), 0.1))
        assert computed(metric) != computed(metric)


def test_batches_add_up() -> None:
    """Row by row is all at once."""
    for make in (ChoiceAccuracy, ChoiceRank):
        whole, parts = make(), make()
        whole.update(SCORES, TARGET)
        for i in range(3):
            parts.update(SCORES[i : i + 1], TARGET[i : i + 1])
        torch.testing.assert_close(whole.compute(), parts.compute())


def test_metrics_of_one_collection_stay_apart() -> None:
    """Also where both have the same sum after the first batch, in which every choice is right."""
    together = MetricCollection({"accuracy": ChoiceAccuracy(), "rank": ChoiceRank()})
    together.update(SCORES[:1], TARGET[:1])
    together.update(SCORES[1:], TARGET[1:])
    assert {name: float(value) for name, value in together.compute().items()} == {
        "accuracy": pytest.approx(1 / 3),
        "rank": pytest.approx(2.0),
    }
    together.reset()
    together.update(SCORES[2:], TARGET[2:])
    assert {name: float(value) for name, value in together.compute().items()} == {"accuracy": 0.0, "rank": 3.0}


@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0, 1000.0])
def test_auroc_ranks_saturated_probabilities_by_their_logits(shift: float) -> None:
    draw = torch.Generator().manual_seed(0)
    target = torch.randint(0, 2, (500,), generator=draw)
    logits = torch.randn(500, generator=draw) + target + shift
    task = binary("a")
    found = task.metrics["auroc"].clone()(task.measured(logits), target)
    assert float(found) == pytest.approx(roc_auc(logits.double(), target), abs=1e-6)
    share = ((logits >= 0) == (target > 0)).float().mean()
    assert task.metrics["accuracy"].clone()(task.measured(logits), target) == pytest.approx(float(share))
    assert task.measured(torch.tensor([torch.inf, -torch.inf, 0.0])).tolist() == [1.0, 0.0, 0.5]


def roc_auc(scores: torch.Tensor, target: torch.Tensor) -> float:
    """Share of the pairs of a yes and a no in which the yes has the higher score."""
    pairs = scores[target == 1][:, None] - scores[target == 0]
    return float(((pairs > 0).double() + (pairs == 0).double() / 2).mean())


@pytest.mark.parametrize("shift", [0.0, 30.0, -200.0])
def test_what_reads_probabilities_reads_them_of_any_logit(shift: float) -> None:
    """By the formulas, in double precision, also where single precision knows 0 and 1 alone."""
    draw = torch.Generator().manual_seed(0)
    logits, target = torch.randn(50, generator=draw) + shift, torch.randint(0, 2, (50,), generator=draw)
    both = torch.stack([torch.zeros(50), logits], 1)
    chances = both.double().log_softmax(1)
    surprise = -chances[range(50), target].mean()
    squares = (chances[:, 1].exp() - target).square().mean()
    for name, expected in (("log_loss", surprise), ("brier", squares)):
        task, classes = binary("a", primary=name), classification("a", 2, primary=name)
        found = task.metrics[name].clone()(task.measured(logits), target)
        assert float(found) == pytest.approx(float(expected), rel=1e-5)
        found = classes.metrics[name].clone()(classes.measured(both), target)
        assert float(found) == pytest.approx(float(expected) * (2 if name == "brier" else 1), rel=1e-5)
        assert not task.higher_is_better


def test_shares_of_labels_are_of_their_own_values() -> None:
    task = regression("a", primary="mape", offset=1000.0)
    found = task.metrics["mape"].clone()(torch.tensor([-499.0, 1.0]), torch.tensor([-500.0, 0.0]))
    assert float(found) == pytest.approx((1 / 500 + 1 / 1000) / 2)
