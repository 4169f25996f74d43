"""The k experts that a gate prefers."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.testing.strategies import some
from tests.sharing.strategies import (
    ROWS,
    assert_gates_sum_to_one,
    assert_same,
    build,
    disturbed,
    every_pair,
    sample,
    seeded,
)


@every_pair
def test_sparse_gates_that_choose_all_are_gated(trunk: str, kind: str) -> None:
    assert_same(
        seeded("sparse", trunk, kind, experts=3, select=3), seeded("gated", trunk, kind, experts=3), sample(kind)
    )


@every_pair
@pytest.mark.parametrize("select", [2, 3])
def test_sparse_gates_use_no_more_experts_than_they_may(trunk: str, kind: str, select: int) -> None:
    sparse = disturbed(build("sparse", trunk, kind, experts=4, select=select))
    for row in range(ROWS):
        sparse(some(sample(kind), slice(row, row + 1)))
        use = sparse.mixture()
        assert use is not None
        assert ((use > 0).sum(1) == select).all()


def test_balance_is_least_when_all_experts_are_used_alike() -> None:
    """Equal probabilities give the factor itself; a gate that always prefers one expert gives more."""
    sharing = build("sparse", "mlp", "flat", experts=4, select=2, balance=0.5)
    with torch.no_grad():
        for parameter in sharing.gates.parameters():
            parameter.zero_()
    assert sharing.penalty([sample("flat")]).item() == pytest.approx(0.5)
    with torch.no_grad():
        for gate in sharing.gates.children():
            gate.bias.copy_(torch.tensor([5.0, 5.0, 0.0, 0.0]))
    assert sharing.penalty([sample("flat")]).item() > 0.95


def test_penalty_is_that_of_the_formula() -> None:
    """Row by row over all tasks and two batches of unlike size: choices that fall on an expert, and its probability."""
    torch.manual_seed(0)
    sharing = disturbed(build("sparse", "mlp", "flat", experts=5, select=3, balance=0.2))
    batches = [sample("flat", 4), sample("flat", 2)]
    chosen, likely, count = torch.zeros(5), torch.zeros(5), 0
    for gate in sharing.gates.children():  # type: ignore[union-attr]
        for row in torch.cat([batch[SINGLE] for batch in batches]):
            logits = gate(row).detach()
            chosen[sorted(range(5), key=lambda e: -float(logits[e]))[:3]] += 1 / 3
            likely += logits.exp() / logits.exp().sum()
            count += 1
    expected = 0.2 * 5 * float((chosen / count) @ (likely / count))
    assert sharing.penalty(batches).item() == pytest.approx(expected, rel=1e-5)


def test_penalty_can_be_differentiated_after_the_losses() -> None:
    sharing, inputs = build("sparse", "mlp", "flat").train(), sample("flat")
    torch.stack([value.sum() for value in sharing(inputs).values()]).sum().backward()
    before = [None if p.grad is None else p.grad.clone() for p in sharing.gates.parameters()]
    sharing.penalty([inputs]).backward()
    after = [p.grad for p in sharing.gates.parameters()]
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None)


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("sparse", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"select": 9}, "model.select=9"),
        ({"select": 1}, "model.select=1: the only expert of a row always counts 1"),
        ({"balance": -1.0}, "model.balance=-1.0: expected a finite number, 0 or more"),
        ({"balance": float("inf")}, "model.balance=inf: expected a finite number"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("sparse", "mlp", "flat", **changes)
