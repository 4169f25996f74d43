"""Towers whose subspaces and stages are mixed."""

from functools import partial
from itertools import combinations
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.sluice import Sluice
from tests.sharing.strategies import TASKS, build, disturbed, every_pair, sample, seeded


@every_pair
def test_starts_nearly_as_networks_apart(trunk: str, kind: str) -> None:
    """Stages are mixed too: all but one thousandth of the last one."""
    sluice = seeded("sluice", trunk, kind, self_weight=1.0, orthogonality=0.0).eval()
    single, inputs = seeded("single_task", trunk, kind).eval(), sample(kind)
    for name, value in sluice(inputs).items():
        torch.testing.assert_close(value, single(inputs)[name], atol=0.01, rtol=0.01)


@pytest.mark.parametrize(
    ("widths", "self_weight", "expected"),
    [
        ((4, 4, 4), 0.8, [0.1, 0.1, 0.8]),
        ((8, 4, 4), 0.7, [0.3, 0.7]),  # the first stage has another width
        ((4, 4), 1.0, [0.001 / 1.001, 1 / 1.001]),  # not 0, from which no softmax comes back
    ],
)
def test_stages_start_with_their_shares(widths: tuple[int, ...], self_weight: float, expected: list[float]) -> None:
    sharing = Sluice({SINGLE: (6,)}, TASKS, partial(MLP, widths=widths), self_weight=self_weight)
    for beta in sharing.betas.parameters():
        torch.testing.assert_close(beta.softmax(0), torch.tensor(expected))
    assert len(list(sharing.betas.parameters())) == len(TASKS)
    one_stage = Sluice({SINGLE: (6,)}, TASKS, partial(MLP, widths=(8, 4)))
    assert not list(one_stage.betas.parameters())


@pytest.mark.parametrize("subspaces", [1, 2, 4])
def test_penalty_is_that_of_the_formula(subspaces: int) -> None:
    """Squared products of every two subspaces' rows, of every tower and of two stages of unlike width."""
    torch.manual_seed(0)
    options = {"subspaces": subspaces} | ({"orthogonality": 0.3} if subspaces > 1 else {})
    sharing = disturbed(Sluice({SINGLE: (6,)}, TASKS, partial(MLP, widths=(8, 4)), **options))
    expected = 0.0
    for stage in sharing.towers.encoder.stages:
        for weight in stage.linear.weight.detach():  # [out, in]
            groups = weight.split(len(weight) // subspaces)
            for one, other in combinations(groups, 2):
                expected += 0.3 * sum(float(a @ b) ** 2 for a in one for b in other)
    assert sharing.penalty().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(2, 9), (1, 6, 5)])
def test_stages_are_mixed_whatever_places_their_states_have(shape: tuple[int, ...]) -> None:
    """Of an encoder that keeps its positions, fewer at each stage: a stage counts by its average."""
    torch.manual_seed(0)
    factory = partial(Convolution, widths=(8, 8), average=False)
    sharing = disturbed(Sluice({SINGLE: shape}, TASKS, factory, self_weight=1.0))
    inputs = {SINGLE: torch.randn(4, *shape)}
    with torch.no_grad():
        for beta in sharing.betas.parameters():
            beta.copy_(torch.tensor([9.0, -9.0]))
    out = sharing(inputs)
    states = sharing.towers.first_stage(inputs)
    parts = states.flatten(2, -2).mean(2).unflatten(-1, (2, 4))  # [K, B, G, H / G]
    expected = torch.einsum("igjf,jbfh->ibgh", sharing.spaces[0], parts).flatten(2)
    for name, average in zip(TASKS, expected, strict=True):
        torch.testing.assert_close(out[name], average.unsqueeze(1).expand_as(out[name]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"subspaces": 3}, "model.subspaces=3"),
        ({"orthogonality": -1.0}, "model.orthogonality=-1.0: expected a finite number, 0 or more"),
        ({"orthogonality": float("inf")}, "model.orthogonality=inf: expected a finite number"),
        (
            {"subspaces": 1, "orthogonality": 0.5},
            "model.orthogonality=0.5 has no effect: expected it with model.subspaces=2 or more",
        ),
    ],
)
def test_mistakes_are_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build("sluice", "mlp", "flat", **changes)
