"""Low-rank terms whose outer factors the tasks share."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.sharing.mtl_lora import MTLLoRA
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import FITTING, TASKS, assert_starts_as, build, sample


def test_starts_as_one_trunk() -> None:
    for trunk, kind in FITTING:
        assert_starts_as("hard", "mtl_lora", trunk, kind)


def test_weights_are_those_of_the_formula() -> None:
    """Two layers by hand: ``W + scale sum_n softmax(w / temperature)_n B_n Lambda A``."""
    sharing = disturbed(build("mtl_lora", "mlp", "flat", scale=0.7, temperature=0.4))
    assert isinstance(sharing, MTLLoRA)
    inputs = sample("flat")
    out = sharing(inputs)
    base = dict(sharing.trunks.trunk.named_parameters())
    for name in TASKS:
        hidden = inputs[SINGLE]
        for key, factors, own in zip(sharing.matrices, sharing.factors, sharing.private[name], strict=True):
            shares = torch.exp(own.choice / 0.4) / torch.exp(own.choice / 0.4).sum()
            up = sum(share * one for share, one in zip(shares, factors.ups, strict=True))
            weight = base[key] + 0.7 * up @ own.inner @ factors.down
            hidden = torch.relu(hidden @ weight.T + base[key.replace("weight", "bias")])
        torch.testing.assert_close(out[name], hidden)


def test_frozen_trunk_leaves_the_terms() -> None:
    """Those that are shared and those that are private; they are where gradients are compared."""
    sharing = build("mtl_lora", "mlp", "flat", freeze=True)
    assert isinstance(sharing, MTLLoRA)
    learning = {id(p) for p in sharing.shared_parameters() if p.requires_grad}
    assert learning == {id(p) for p in sharing.factors.parameters()}
    assert any(p.requires_grad for p in sharing.last_shared_layer())
    assert all(p.requires_grad for name in TASKS for p in sharing.private_parameters(name))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"rank": 0}, "model.rank=0: expected a whole number, 1 or more"),
        ({"scale": 0.0}, "model.scale=0.0: expected a finite number, above 0"),
        ({"scale": -1.0}, "model.scale=-1.0: expected a finite number, above 0"),
        ({"scale": float("nan")}, "model.scale=nan: expected a finite number"),
        (
            {"ups": 1, "temperature": 0.5},
            "model.temperature=0.5 has no effect: expected it with model.ups=2 or more",
        ),
        ({"ups": 0}, "model.ups=0: expected a whole number, 1 or more"),
        ({"temperature": 0.0}, "model.temperature=0.0: expected a finite number, above 0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("mtl_lora", "mlp", "flat", **changes)
