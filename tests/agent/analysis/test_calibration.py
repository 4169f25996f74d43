"""The temperature of a head is found, one that is too sure is told from a calibrated one, and groups count once."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from mtl.agent.analysis.calibration import (
    LabelledPredictions,
    calibration,
    calibration_error,
    confidences,
    reliability,
    share_interval,
    temperature_interval,
)
from mtl.agent.analysis.content import calibration_sentence
from mtl.tasks import Task, binary, choice, classification

ROWS = 1500


def drawn(task: Task, sharper: float, seed: int, groups: int | None = None) -> LabelledPredictions:
    """Labels drawn from what a head says, and what the same head says when it is this much surer."""
    draw = torch.Generator().manual_seed(seed)
    if task.kind == "binary":
        raw = 2 * torch.randn(ROWS, generator=draw)
        target = (torch.rand(ROWS, generator=draw) < raw.sigmoid()).float()
    else:
        raw = 1.5 * torch.randn(ROWS, 4, generator=draw)
        target = torch.multinomial(raw.softmax(-1), 1, generator=draw).squeeze(1)
        if task.kind == "choice":
            target = torch.nn.functional.one_hot(target, 4).float()
    numbers = None if groups is None else np.arange(ROWS) % groups
    return LabelledPredictions(raw * sharper, target, numbers)


@pytest.mark.parametrize("task", [binary("b"), classification("c", 4), choice("d")], ids=lambda task: task.kind)
@pytest.mark.parametrize("sharper", [1.0, 2.5])
def test_the_temperature_is_what_made_the_head_too_sure(task: Task, sharper: float) -> None:
    found = calibration(task, drawn(task, sharper, 0), drawn(task, sharper, 1))
    assert found.low < sharper < found.high
    assert found.temperature == pytest.approx(sharper, rel=0.2)
    assert sharper == 1 or found.error_after < found.error / 2
    assert (found.error > 2 * found.error_calibrated) == (sharper > 1)
    assert ("too sure of itself" in calibration_sentence(found)) == (sharper > 1)
    assert sum(one.rows for one in found.bins) == found.rows == ROWS
    assert "were tried" not in calibration_sentence(found)
    if sharper == 1:
        assert sum(not one.low <= one.confidence <= one.high for one in found.bins) <= 1


@pytest.mark.parametrize("task", [binary("b"), classification("c", 4)], ids=lambda task: task.kind)
def test_the_temperature_is_the_most_likely_one(task: Task) -> None:
    """As SciPy finds it."""
    rows = drawn(task, 1.7, 3)
    found = minimize_scalar(
        lambda t: float(task.losses(rows.raw.double() / t, rows.target).double().sum()), bounds=(0.1, 10)
    )
    assert calibration(task, rows, rows).temperature == pytest.approx(found.x, rel=1e-3)


@pytest.mark.parametrize("sharper", [0.01, 100.0])
def test_a_temperature_at_an_end_of_those_that_are_tried_may_be_beyond(sharper: float) -> None:
    """An interval from 10 to 10 would look exact."""
    found = calibration(binary("b"), drawn(binary("b"), sharper, 0), drawn(binary("b"), sharper, 1))
    end = "10.00" if sharper > 1 else "0.10"
    said = f"(temperature {end}, {end} to {end}; 0.1 to 10 were tried, and it may be beyond)"
    assert said in calibration_sentence(found)


@pytest.mark.parametrize(
    "task",
    [
        binary("b", smoothing=0.2),
        classification("c", 4, smoothing=0.2),
        classification("c", 4, weights=[0.1, 3.0, 1.0, 1.0]),
    ],
    ids=["smooth", "smooth classes", "weighted classes"],
)
def test_the_temperature_is_of_the_labels_as_they_are(task: Task) -> None:
    """Smoothed labels would have any head be less sure of itself, and those of weighted classes count unlike."""
    rows = drawn(task, 1.0, 0)
    plain = binary("b") if task.kind == "binary" else classification("c", 4)
    assert calibration(task, rows, rows) == calibration(plain, rows, rows)


def test_rows_of_a_group_widen_the_interval() -> None:
    """Every row is there ten times, which tells no more than once."""
    task = binary("b")
    one = drawn(task, 2.0, 0)
    part = LabelledPredictions(one.raw[:300], one.target[:300], None)
    copies = [torch.cat([values] * 10) for values in (part.raw, part.target)]
    repeated = LabelledPredictions(*copies, np.tile(np.arange(300), 10))
    alone, together = (calibration(task, rows, rows) for rows in (part, repeated))
    assert together.temperature == pytest.approx(alone.temperature)
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_few_groups_tell_little_of_a_temperature() -> None:
    """Of two groups, half of the intervals by draws alone missed."""
    drawn = np.exp(np.repeat([0.0, 0.1, 0.2], [25, 50, 25]))
    for groups, quantile in ((2, 12.706), (6, 2.571)):  # of one degree of freedom less than there are groups
        low, high = temperature_interval(float(np.exp(0.1)), drawn, np.full(groups, 50.0), 0.05)
        half = quantile * (groups / (groups - 1) * 0.005) ** 0.5
        assert np.log([low, high]) == pytest.approx([0.1 - half, 0.1 + half], rel=1e-3)
    assert temperature_interval(1.0, drawn, np.ones(20), 0.05) == pytest.approx((1.0, np.exp(0.2)))
    assert temperature_interval(9.9, 9.9 * drawn, np.full(2, 50.0), 0.05)[1] >= 10.0


def test_a_weight_is_so_many_copies() -> None:
    """Where half of the rows are of a head that is too sure, and count three times."""
    task, times = binary("b"), torch.tensor([3, 1]).repeat_interleave(300)
    parts = drawn(task, 2.5, 0), drawn(task, 1.0, 1)
    raw, target = (torch.cat([getattr(part, name)[:300] for part in parts]) for name in ("raw", "target"))
    weighted = calibration(task, *[LabelledPredictions(raw, target, None, times.double().numpy())] * 2)
    numbers = np.arange(600).repeat(times.numpy())
    copied = [values.repeat_interleave(times) for values in (raw, target)]
    copies = calibration(task, *[LabelledPredictions(*copied, numbers)] * 2)
    assert weighted.temperature == pytest.approx(copies.temperature)
    assert weighted.low == pytest.approx(copies.low)
    assert weighted.temperature > calibration(task, *[LabelledPredictions(raw, target, None)] * 2).temperature + 0.1
    assert sum(one.share for one in weighted.bins) == pytest.approx(sum(one.share for one in copies.bins), rel=0.05)


@pytest.mark.parametrize("groups", [None, 30])
def test_rows_that_all_agree_leave_a_share_uncertain(groups: int | None) -> None:
    """Of n that are all true the share may be as low as makes this one case in forty; of a group's rows as of one."""
    rows = 300
    raw = torch.linspace(3, 4, rows)
    numbers = None if groups is None else np.arange(rows) // (rows // groups)
    part = LabelledPredictions(raw, torch.ones(rows), numbers)
    found = calibration(binary("b"), part, part)
    count = 30 if groups is None else 3
    for one in found.bins:
        assert (one.share, one.high, one.rows) == (1.0, 1.0, 30)
        assert one.low == pytest.approx((0.05 / len(found.bins) / 2) ** (1 / count))


def test_where_all_rows_are_right_few_of_them_tell_little() -> None:
    """By hand: of n rows that are all right with chance p, p^n; rows that are there five times are there once."""
    low, high = share_interval(np.ones(20), np.ones(20), 0.05)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert share_interval(np.zeros(20), np.ones(20), 0.05) == (0.0, pytest.approx(1 - low))
    assert share_interval(5 * np.ones(20), 5 * np.ones(20), 0.05)[0] == pytest.approx(low)
    once, often = (share_interval(k * (np.arange(20) < 19.0), k * np.ones(20), 0.05) for k in (1.0, 5.0))
    assert often == pytest.approx(once)
    exact = binomtest(95, 100).proportion_ci(0.95)
    assert share_interval((np.arange(100) < 95) * 1.0, np.ones(100), 0.05) == pytest.approx(
        (exact.low, exact.high), abs=0.01
    )
    assert np.isnan(share_interval(np.ones(1), np.ones(1), 0.05)).all()
    confidence, true = np.linspace(0.5, 1.0, 200), np.ones(200)
    assert all(0.5 < one.low < one.high == 1.0 for one in reliability(confidence, true, np.ones(200), None, 0.05))


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_error_is_that_of_the_bins_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.random(200).round(1)
    true, each = (random.random(200) < 0.5).astype(float), random.integers(1, 4, 200).astype(float)
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, 11)[1:-1]))
    expected = 0.0
    for low, high in zip([-1.0, *edges], [*edges, 2.0], strict=True):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            share, mean = (np.average(values[inside], weights=each[inside]) for values in (true, confidence))
            expected += each[inside].sum() / each.sum() * abs(share - mean)
    assert calibration_error(confidence, true, each) == pytest.approx(expected)


def test_the_most_probable_candidate_is_right_where_it_is_acceptable() -> None:
    raw = torch.tensor([[2.0, 0.0, -torch.inf], [0.0, 3.0, 1.0]])
    target = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    confidence, true = confidences(choice("d"), raw, target)
    assert confidence.tolist() == pytest.approx([float(torch.tensor(2.0).sigmoid()), float(raw[1].softmax(0)[1])])
    assert true.tolist() == [1.0, 0.0]
