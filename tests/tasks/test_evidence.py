"""Standard errors are right for correlated looks, and unrelated tasks are seldom taken for related ones."""

import pytest
import torch
from torch import Tensor

from mtl.tasks.evidence import batch_means_error, weigh


def autoregressive(series: int, length: int, coefficient: float) -> Tensor:
    """Stationary first-order series of variance ``1 / (1 - c^2)``, ``[series, length]``."""
    noise = torch.randn(series, length, dtype=torch.double)
    values = [noise[:, 0] / (1 - coefficient**2) ** 0.5]
    for step in range(1, length):
        values.append(coefficient * values[-1] + noise[:, step])
    return torch.stack(values, 1)


@pytest.mark.parametrize("coefficient", [-0.4, 0.0, 0.5, 0.8])
def test_the_standard_error_of_a_correlated_series_is_the_known_one(coefficient: float) -> None:
    """The mean of n values has the variance ``1 / (n (1 - c)^2)`` for large n; independent looks would say another."""
    torch.manual_seed(0)
    length = 3000
    found = torch.tensor([batch_means_error(one) for one in autoregressive(100, length, coefficient)])
    known = 1 / (length**0.5 * (1 - coefficient))
    assert found.square().mean().sqrt().item() == pytest.approx(known, rel=0.12)


def test_the_spread_of_means_is_the_standard_error() -> None:
    """Without any formula: how far the means of many series lie apart."""
    torch.manual_seed(1)
    series = autoregressive(400, 400, 0.5)
    found = torch.tensor([batch_means_error(one) for one in series])
    assert found.square().mean().sqrt().item() == pytest.approx(series.mean(1).std().item(), rel=0.15)


@pytest.mark.parametrize("length", [0, 1])
def test_one_look_is_no_evidence(length: int) -> None:
    assert batch_means_error(torch.ones(length)) == torch.inf


def looks(count: int, tasks: int, mean: float) -> tuple[list[Tensor], list[Tensor]]:
    """Correlated looks at pairs of this mean, and a null of mean 0.3."""
    series = autoregressive(2 * tasks * tasks, count, 0.3).T.view(count, 2, tasks, tasks)
    return list(series[:, 0] + mean + 0.3), list(series[:, 1] + 0.3)


def test_unrelated_tasks_are_seldom_taken_for_related_ones() -> None:
    torch.manual_seed(0)
    margins = [weigh(*looks(60, 4, 0.0)).margin for _ in range(200)]
    wrong = sum(bool((margin[torch.tril_indices(4, 4, -1).unbind()] > 0).any()) for margin in margins)
    assert wrong <= 30  # 10 of 200 are allowed for, and batches of 7 looks still depend on each other


def test_what_is_above_the_null_is_evidence() -> None:
    torch.manual_seed(0)
    evidence = weigh(*looks(200, 3, 2.0))
    off = ~torch.eye(3, dtype=torch.bool)
    assert (evidence.margin[off] > 0).all()
    assert evidence.null[off].mean().item() == pytest.approx(0.3, abs=0.15)
    assert evidence.difference.equal(evidence.difference.T)


@pytest.mark.parametrize("tasks", [1, 2])
def test_few_tasks(tasks: int) -> None:
    torch.manual_seed(0)
    margin = weigh(*looks(50, tasks, 3.0)).margin
    assert margin.shape == (tasks, tasks)
    assert tasks == 1 or margin[0, 1] > 0


def test_what_was_never_seen_is_kept_apart() -> None:
    seen = [torch.tensor([[1.0, torch.nan, 0.9], [torch.nan, 1.0, torch.nan], [0.9, torch.nan, 1.0]]) for _ in range(9)]
    evidence = weigh([one + 0.01 * torch.randn(3, 3) for one in seen], [torch.zeros(3, 3)] * 9)
    assert evidence.margin[0, 2] > 0
    assert evidence.margin[0, 1] == evidence.margin[2, 1] == -torch.inf
    assert evidence.mean.isfinite().all()
