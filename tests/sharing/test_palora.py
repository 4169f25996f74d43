"""One trunk and an adapter per task, mixed by a preference."""

import pytest
import torch
from torch.func import functional_call

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.sharing.palora import PaLoRA
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import FITTING, TASKS, assert_starts_as, build, sample


def made(trunk: str = "mlp", kind: str = "flat", scale: float = 0.7) -> PaLoRA:
    sharing = disturbed(build("palora", trunk, kind, scale=scale))
    assert isinstance(sharing, PaLoRA)
    return sharing


def test_starts_as_one_trunk() -> None:
    for trunk, kind in FITTING:
        assert_starts_as("hard", "palora", trunk, kind)


def test_layers_are_those_of_the_formula() -> None:
    """By hand, a term beside the weight as in the authors' code: ``W h + scale sum_k p_k U_k (D_k h) + b``."""
    sharing, inputs = made(), sample("flat")
    p = torch.tensor([0.6, 0.1, 0.3])
    sharing.choose(p)
    base = dict(sharing.trunk.named_parameters())
    hidden = inputs[SINGLE]
    for place, key in enumerate(sharing.matrices):
        out = hidden @ base[key].T + base[key.replace("weight", "bias")]
        for share, name in zip(p, TASKS, strict=True):
            adapter = sharing.adapters[name][place]
            out = out + 0.7 * share * (hidden @ adapter.down.T) @ adapter.up.T
        hidden = out.relu()
    for value in sharing(inputs).values():
        torch.testing.assert_close(value, hidden)


@pytest.mark.parametrize(("trunk", "kind"), FITTING, ids=["-".join(pair) for pair in FITTING])
def test_at_a_corner_the_network_is_the_base_with_the_adapter_of_one_task(trunk: str, kind: str) -> None:
    sharing, inputs = made(trunk, kind), sample(kind)
    for index, name in enumerate(TASKS):
        sharing.choose(torch.eye(len(TASKS))[index])
        base = dict(sharing.trunk.named_parameters())
        moved = {
            key: base[key] + 0.7 * (adapter.up @ adapter.down).view_as(base[key])
            for key, adapter in zip(sharing.matrices, sharing.adapters[name], strict=True)
        }
        expected = functional_call(sharing.trunk, moved, (inputs,))
        for value in sharing(inputs).values():
            torch.testing.assert_close(value, expected)


def test_an_adapter_learns_in_proportion_to_the_preference() -> None:
    """Where it is zero, so that the network is the same for every share of it."""
    sharing, inputs = made(), sample("flat")
    with torch.no_grad():
        for adapter in sharing.adapters["first"]:
            adapter.up.zero_()
    last = sharing.adapters["first"][-1].up
    slopes = []
    for share in (0.0, 0.2, 0.4):
        sharing.choose(torch.tensor([share, 0.0, 0.6]))
        slopes.append(torch.autograd.grad(sharing(inputs)["second"].sum(), last)[0])
    assert not slopes[0].any()
    assert slopes[1].any()
    torch.testing.assert_close(slopes[2], 2 * slopes[1])


def test_training_and_prediction_have_preferences_of_their_own() -> None:
    sharing, inputs = made(), sample("flat")
    sharing.draw(torch.tensor([1.0, 0.0, 0.0]))
    sharing.choose(torch.tensor([0.0, 0.0, 1.0]))
    predicted = sharing(inputs)["first"]
    trained = sharing.train()(inputs)["first"]
    assert not torch.allclose(predicted, trained)
    sharing.draw(torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(sharing(inputs)["first"], predicted)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"rank": 0}, "model.rank=0: expected a whole number, 1 or more"),
        ({"scale": 0.0}, "model.scale=0.0: expected a finite number, above 0"),
        ({"scale": -1.0}, "model.scale=-1.0: expected a finite number, above 0"),
        ({"scale": float("nan")}, "model.scale=nan: expected a finite number"),
        ({"concentration": 0.0}, "model.concentration=0.0: expected a finite number, above 0"),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, float], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("palora", "mlp", "flat", **changes)
