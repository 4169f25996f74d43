"""Many modules of one shape as one: the same values and the same gradients as one after the other."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.nn.candidates import CandidateSet
from mtl.nn.encoder import SINGLE, Encoder, Inputs
from mtl.nn.mlp import MLP
from mtl.nn.replicas import Replicas
from mtl.nn.stacked import StackedLayerNorm, StackedLinear, mix_experts

MASK = torch.arange(4).expand(5, 4) <= torch.arange(5).unsqueeze(1) % 4
ROWS = torch.arange(30.0).view(5, 6).sin()
FLAT: Inputs = {SINGLE: ROWS}
SET: Inputs = {"candidates": torch.arange(100.0).view(5, 4, 5).sin(), "mask": MASK, "context": torch.ones(5, 3)}
CASES: dict[str, tuple[Callable[[], Encoder], Inputs]] = {
    "mlp": (partial(MLP, {SINGLE: (6,)}, [8, 7], norm="layer"), FLAT),
    "mlp of a table": (partial(MLP, {SINGLE: (2, 3)}, [8]), {SINGLE: ROWS.view(5, 2, 3)}),
    "candidate set": (partial(CandidateSet, {"candidates": (None, 5), "mask": (None,), "context": (3,)}, 8, 2, 2), SET),
    "mlp with batch norm": (partial(MLP, {SINGLE: (6,)}, [8, 7], norm="batch"), FLAT),
}


@pytest.mark.parametrize("name", CASES)
def test_replicas_are_their_members(name: str) -> None:
    make, inputs = CASES[name]
    members = [make() for _ in range(3)]
    expected = torch.stack([member(inputs) for member in members])
    torch.manual_seed(0)
    weight = torch.randn_like(expected)
    grads = [
        torch.autograd.grad((out * w).sum(), list(m.parameters()))
        for m, out, w in zip(members, expected, weight, strict=True)
    ]
    replicas = Replicas(members)
    out = replicas(inputs)
    torch.testing.assert_close(out, expected)
    found = torch.autograd.grad((out * weight).sum(), list(replicas.parameters()))
    flat = [grad for parts in grads for grad in parts]
    if replicas.stackable:
        flat = [torch.stack(parts) for parts in zip(*grads, strict=True)]
    for left, right in zip(found, flat, strict=True):
        torch.testing.assert_close(left, right)


class HalfFrozen(MLP):
    """Its first stage stays as it is."""

    def __init__(self) -> None:
        super().__init__({SINGLE: (6,)}, [6, 6])
        self.stages[0].requires_grad_(False)


class Tied(MLP):
    """Its stages have the same weights."""

    def __init__(self) -> None:
        super().__init__({SINGLE: (6,)}, [6, 6])
        self.stages[1].linear.weight = self.stages[0].linear.weight  # type: ignore[union-attr]


def test_what_does_not_learn_in_an_encoder_does_not_learn_in_many() -> None:
    learning = {name for name, one in Replicas([HalfFrozen(), HalfFrozen()]).named_parameters() if one.requires_grad}
    assert learning == {f"copies.stacked.stages.1.linear.{name}" for name in ("weight", "bias")}


def test_weights_that_stages_have_in_common_stay_in_common() -> None:
    members = [Tied(), Tied()]
    expected = torch.stack([member(FLAT) for member in members])
    replicas = Replicas(members)
    torch.testing.assert_close(replicas(FLAT), expected)
    assert len(list(replicas.parameters())) == 3


def test_one_encoder_is_no_two_members() -> None:
    encoder = MLP({SINGLE: (6,)}, [8])
    with pytest.raises(InputError, match="gives the same one again: expected a new one from each call"):
        Replicas([encoder, encoder])


def test_members_start_differently() -> None:
    out = Replicas([MLP({SINGLE: (6,)}, [8]) for _ in range(3)])(FLAT)
    assert not torch.allclose(out[0], out[1])


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 2, 5, 4)])
def test_stacked_linear_has_the_right_gradients(shape: tuple[int, ...]) -> None:
    weight, bias = torch.randn(3, 2, 4, dtype=torch.double), torch.randn(3, 2, dtype=torch.double)
    layer = StackedLinear(4, 2)
    layer.weight, layer.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)

    def run(hidden: Tensor, w: Tensor, b: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, {"weight": w, "bias": b}, (hidden,))
        return out

    hidden = torch.randn(shape, dtype=torch.double)
    assert torch.autograd.gradcheck(run, [t.requires_grad_() for t in (hidden, weight, bias)])


def test_stacked_norm_is_its_members() -> None:
    members = [StackedLayerNorm(4) for _ in range(3)]
    for member in members:
        torch.nn.init.normal_(member.weight)
        torch.nn.init.normal_(member.bias)
    hidden = torch.randn(3, 2, 5, 4)
    expected = torch.stack([member(h) for member, h in zip(members, hidden, strict=True)])
    layer = StackedLayerNorm(4)
    layer.weight = torch.nn.Parameter(torch.stack([m.weight for m in members]))
    layer.bias = torch.nn.Parameter(torch.stack([m.bias for m in members]))
    torch.testing.assert_close(layer(hidden), expected)


@pytest.mark.parametrize("middle", [(), (4,)])
def test_mix_is_a_weighted_sum_with_the_right_gradients(middle: tuple[int, ...]) -> None:
    gates, outputs = torch.rand(2, 5, 3, dtype=torch.double), torch.randn(3, 5, *middle, 6, dtype=torch.double)
    expected = torch.einsum("kbe,eb...d->kb...d", gates, outputs)
    torch.testing.assert_close(mix_experts(gates, outputs), expected)
    assert torch.autograd.gradcheck(mix_experts, (gates.requires_grad_(), outputs.requires_grad_()))
