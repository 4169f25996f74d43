"""Gates that end up choosing k experts."""

from math import log
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.dselect_k import smooth_step
from tests.sharing.strategies import TASKS, assert_gates_sum_to_one, build, disturbed, every_pair, sample


@every_pair
def test_decided_selectors_use_no_more_experts_than_they_may(trunk: str, kind: str) -> None:
    """Codes far from 0 are binary: at most k experts have any weight, and the penalty is none."""
    sharing = build("dselect_k", trunk, kind, experts=4, select=2, entropy=1.0).train()
    with torch.no_grad():
        for name, parameter in sharing.named_parameters():
            if "code.bias" in name:
                parameter.copy_(torch.tensor([9.0, -9.0, 9.0, 9.0]))
    sharing(sample(kind))
    use = sharing.mixture()
    assert use is not None
    assert ((use > 0) == torch.tensor([False, True, False, True])).all()
    assert sharing.penalty([sample(kind)]).item() < 1e-3


def test_entropy_of_undecided_selectors_by_hand() -> None:
    """Codes of 0 leave all four experts alike: every selector of every task has the entropy log 4."""
    sharing = build("dselect_k", "mlp", "flat", experts=4, select=2, entropy=0.5)
    with torch.no_grad():
        for gate in sharing.gates.children():  # type: ignore[union-attr]
            gate.code.weight.zero_()
            gate.code.bias.zero_()
    expected = 0.5 * len(TASKS) * 2 * log(4)
    assert sharing.penalty([sample("flat")]).item() == pytest.approx(expected, rel=1e-4)


def test_selectors_may_not_choose_a_number_without_expert() -> None:
    """Three experts have numbers of two bits: 11 is nobody's, gets nothing, and is penalised even without entropy."""
    sharing = disturbed(build("dselect_k", "mlp", "flat", experts=3, select=1, entropy=0.0))
    with torch.no_grad():
        for gate in sharing.gates.children():  # type: ignore[union-attr]
            gate.code.weight.zero_()
            gate.code.bias.copy_(torch.tensor([0.25, 9.0]))  # bits 0.84375 and 1: 2 with 0.15625, else nobody
    inputs = sample("flat")
    sharing(inputs)
    use = sharing.mixture()
    assert use is not None
    torch.testing.assert_close(use, torch.tensor([[0.0, 0.0, 0.15625]]).expand(len(TASKS), -1))
    penalty = sharing.penalty([inputs])
    assert penalty.item() == pytest.approx(len(TASKS) * (1 / 0.15625 - 1), rel=1e-4)
    penalty.backward()
    for gate in sharing.gates.children():  # type: ignore[union-attr]
        assert gate.code.bias.grad[0] > 0  # a step down makes the first bit 0, and the number that of an expert


def test_selectors_start_undecided() -> None:
    """Numbers of both signs around the middle of the step, a hundredth of its width at most."""
    sharing = build("dselect_k", "mlp", "flat", experts=16, select=3, gamma=2.0)
    for name in TASKS:
        code = sharing.gates[name].code  # type: ignore[union-attr,index]
        for values in (code.weight, code.bias):
            assert values.min() < 0 < values.max()
            assert 0.01 < values.abs().max() <= 0.02


def test_smooth_step() -> None:
    values = torch.tensor([-9.0, -0.5, 0.0, 0.25, 0.5, 9.0], dtype=torch.double, requires_grad=True)
    out = smooth_step(values, 1.0)
    torch.testing.assert_close(out, torch.tensor([0, 0, 0.5, 0.84375, 1, 1], dtype=torch.double))
    (slope,) = torch.autograd.grad(out.sum(), values)
    assert slope[[0, 1, 4, 5]].abs().max() == 0


def test_penalty_can_be_differentiated_after_the_losses() -> None:
    sharing, inputs = build("dselect_k", "mlp", "flat").train(), sample("flat")
    torch.stack([value.sum() for value in sharing(inputs).values()]).sum().backward()
    before = [None if p.grad is None else p.grad.clone() for p in sharing.gates.parameters()]  # type: ignore[union-attr]
    sharing.penalty([inputs]).backward()
    after = [p.grad for p in sharing.gates.parameters()]  # type: ignore[union-attr]
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None)


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("dselect_k", trunk, kind)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"experts": 1}, "model.experts=1: expected a whole number, 2 or more"),
        ({"entropy": -1}, "model.entropy=-1"),
        ({"entropy": float("nan")}, "model.entropy=nan: expected a finite number"),
        ({"gamma": 0.0}, "model.gamma=0.0: expected a finite number, above 0"),
        ({"select": 9}, "model.select=9"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("dselect_k", "mlp", "flat", **changes)
