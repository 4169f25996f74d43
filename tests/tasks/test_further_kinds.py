"""Counts, quantiles and ordinal classes: losses, heads and predictions beside independent references."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import logistic, poisson

from mtl.errors import InputError
from mtl.nn.heads import OrdinalHead
from mtl.tasks import count, ordinal, quantiles, survival
from mtl.tasks.concordance import Concordance, suffix_sums


@settings(max_examples=30)
@given(st.integers(0, 50), st.integers(0, 50), st.floats(-4, 4))
def test_the_loss_of_counts_is_the_likelihood_up_to_a_constant(a: int, b: int, log_rate: float) -> None:
    """Scaled by the mean, and 0 where the rate is the label."""
    mean = 3.0
    task, rate = count("a", mean), mean * np.exp(log_rate)
    found = task.losses(torch.tensor([log_rate, log_rate, 0.0]), torch.tensor([float(a), float(b), mean]))
    reference = [poisson.logpmf(y, max(y, 1e-12)) - poisson.logpmf(y, rate) for y in (a, b)]
    np.testing.assert_allclose(found[:2] * mean, reference, rtol=1e-3, atol=1e-3)
    assert found[2] == pytest.approx(0, abs=1e-6)
    assert task.decode(torch.tensor([log_rate])).item() == pytest.approx(rate, rel=1e-5)


def test_rates_are_always_possible() -> None:
    task = count("a", 2.0, limits=(0.0, 9.0))
    assert task.decode(torch.tensor([-1e6, 1e6])).tolist() == pytest.approx([2e-6, 9.0])
    least = count("a", 2.0, limits=(0.5, None))
    assert least.decode(torch.tensor([-1e6, 0.0, 3.0])).tolist() == pytest.approx([0.5, 2.0, 2 * np.exp(3)])
    deviance = count("a").metrics["deviance"].clone()
    deviance.update(count("a").decode(torch.tensor([-1e6])), torch.tensor([0.0]))
    assert deviance.compute().isfinite()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 0.8]))
def test_the_quantile_has_the_least_loss(seed: int, level: float) -> None:
    labels = torch.randn(40, generator=torch.Generator().manual_seed(seed))
    task = quantiles("a", [level], mean=5.0, std=2.0)
    own = 5 + 2 * labels

    def loss(value: float) -> float:
        return float(task.losses(torch.full((40, 1), value), own).mean())

    best = float(labels.double().quantile(level, interpolation="higher"))
    assert all(loss(best) <= loss(best + step) + 1e-6 for step in (-0.5, -0.01, 0.01, 0.5))


def test_quantiles_do_not_cross_and_their_coverage_is_measured() -> None:
    task = quantiles("a", [0.1, 0.5, 0.9], mean=10.0)
    found = task.decode(torch.tensor([[1.0, 0.0, -1.0], [-1.0, 0.0, 1.0]]))
    assert found.tolist() == [[9.0, 10.0, 11.0]] * 2
    coverage = task.metrics["coverage"].clone()
    coverage.update(found, torch.tensor([9.0, 11.5]))
    assert coverage.compute() == 0.5
    with pytest.raises(InputError, match="unknown primary metric of task 'a' 'coverage'"):
        quantiles("a", [0.1], primary="coverage")


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=6), st.floats(-30, 30))
def test_an_ordinal_head_is_a_logistic_variable_in_its_interval(weights: list[float], score: float) -> None:
    """The shares of training where the score is 0, and moved along the logistic axis elsewhere."""
    shares = np.array(weights) / sum(weights)
    head = OrdinalHead(1, shares.tolist())
    torch.nn.init.ones_(head.score[0].weight)
    torch.nn.init.zeros_(head.score[0].bias)
    logits = head(torch.tensor([[score]]), {})
    edges = np.concatenate([[-np.inf], logistic.ppf(shares.cumsum()[:-1]), [np.inf]])
    np.testing.assert_allclose(logits.exp()[0].detach(), np.diff(logistic.cdf(edges - score)), rtol=2e-3, atol=1e-5)
    task = ordinal("a", shares.tolist())
    loss = task.losses(logits, torch.tensor([0]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert all(one.grad is None or one.grad.isfinite().all() for one in head.parameters())


def test_the_best_constant_hazards_are_those_of_a_life_table() -> None:
    """Events over rows at risk in each interval; the loss has no slope there, and the area is that of the curve."""
    draw = np.random.default_rng(0)
    edges, time = np.array([0.0, 1, 2, 4]), draw.exponential(2, 500)
    event = draw.random(500) < 0.7
    reached = np.where(event, time, np.inf)[:, None]
    survived = np.where(event[:, None], time[:, None] >= edges[1:], time[:, None] >= (edges[1:] + edges[:-1]) / 2)
    came = (reached >= edges[:-1]) & (reached < edges[1:])
    hazards = came.sum(0) / (came | survived).sum(0)
    task = survival("a", edges.tolist())
    raw = torch.tensor(np.log(hazards / (1 - hazards)), dtype=torch.float32).requires_grad_()
    target = torch.tensor(np.stack([time, event], 1), dtype=torch.float32)
    task.losses(raw.expand(500, 3), target).mean().backward()
    assert raw.grad is not None
    assert raw.grad.abs().max() < 1e-6
    left = np.concatenate([[1], np.cumprod(1 - hazards)])
    assert task.decode(raw)[None].item() == pytest.approx(((left[:-1] + left[1:]) / 2 * np.diff(edges)).sum(), rel=1e-5)
    members = torch.stack([raw.detach(), raw.detach() + 1])[None]
    curves = [np.cumprod(1 - torch.sigmoid(one).numpy()) for one in members[0]]
    merged = np.cumprod(1 - torch.sigmoid(task.merge(members))[0].numpy())
    np.testing.assert_allclose(merged, np.mean(curves, 0), rtol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=2, max_size=12))
def test_concordance_counts_pairs(rows: list[tuple[int, int, bool]]) -> None:
    found = [
        0.5 + 0.5 * np.sign(theirs - mine)
        for mine, time, event in rows
        for theirs, other, later in rows
        if event and (time < other or (time == other and not later))
    ]
    metric = Concordance()
    for mine, time, event in rows:
        metric.update(torch.tensor([float(mine)]), torch.tensor([[float(time), float(event)]]))
    assert float(metric.compute()) == pytest.approx(np.mean(found) if found else np.nan, nan_ok=True)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5), max_size=20), st.integers(0, 10**6))
def test_sums_over_the_rows_from_a_place_on(ranks: list[int], seed: int) -> None:
    weights = torch.rand(len(ranks), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    begins = torch.arange(len(ranks) + 1)
    for asked in range(7):
        found = torch.stack(suffix_sums(torch.tensor(ranks, dtype=torch.long), weights, begins, begins * 0 + asked))
        for begin in begins:
            rest = list(zip(ranks[begin:], weights[begin:].tolist(), strict=True))
            sums = [sum(w for r, w in rest if fits(r)) for fits in (lambda r: True, asked.__lt__, asked.__eq__)]
            assert found[:, begin].tolist() == pytest.approx(sums, abs=1e-12)
