"""A perceptron with waves of numbers, whose parts learn at the paper's rates."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.periodic import Periodic
from mtl.nn.realmlp import RatedLayer, RealMLP

TABLE: InputShape = {"numbers": (3,), "categories": (2,)}
INPUTS = {
    "numbers": torch.tensor([[0.5, torch.nan, -1.0], [2.0, 0.0, 1.0]]),
    "categories": torch.tensor([[-1, 0], [2, 9]]),
}


def test_a_number_is_itself_and_a_mixture_of_its_waves() -> None:
    """Of every column by itself, in numpy."""
    periodic = Periodic(2, waves=5, features=4)
    numbers = torch.tensor([[0.3, -2.0], [1.5, 0.0], [4.0, 7.0]])
    found = periodic(numbers).detach().numpy()
    w, b, mix, offset = (
        p.detach().numpy() for p in (periodic.frequency, periodic.phase, periodic.mix, periodic.offset)
    )
    for row in range(3):
        for f in range(2):
            x = numbers[row, f].item()
            expected = [x, *(np.cos(2 * np.pi * w[f] * x + b[f]) @ mix[f] + offset[f])]
            np.testing.assert_allclose(found[row, f], expected, rtol=1e-4, atol=1e-5)


def test_an_activation_counts_as_much_as_its_feature_has_learned() -> None:
    layer = RatedLayer(400, 3, "selu", 0.0)
    hidden = torch.randn(6, 400)
    straight = hidden @ layer.weight.T * math.sqrt(256 / 400) + 1.6 * layer.bias
    torch.testing.assert_close(layer(hidden, {}), functional.selu(straight))
    with torch.no_grad():
        layer.bend.copy_(torch.tensor([0.0, -1.0, -0.5]) / 1.6)
    expected = torch.stack([functional.selu(straight)[:, 0], straight[:, 1], straight[:, 2]], 1)
    expected[:, 2] = (straight[:, 2] + functional.selu(straight[:, 2])) / 2
    torch.testing.assert_close(layer(hidden, {}), expected)


def test_first_values_keep_the_variance_of_what_goes_through() -> None:
    torch.manual_seed(0)
    layer = RatedLayer(1000, 2000, "identity", 0.0)
    assert layer(torch.randn(20, 1000), {}).var().item() == pytest.approx(
        2, rel=0.1
    )  # 1 of the matrix and 1 of the bias


def test_parts_learn_at_the_rates_of_the_paper() -> None:
    """What a first step of Adam with 0.0025 changes: 0.04 by the factors 6 and 0.1, and by 1/sqrt(in) of a matrix."""
    encoder = RealMLP({SINGLE: (3,)}, [8], dropout=0.0)
    stage = encoder.stages[0]
    assert isinstance(stage, RatedLayer)

    def effective() -> list[torch.Tensor]:
        scales, bends = 1 + 96 * encoder.scales, 1 + 1.6 * stage.bend
        return [part.detach().clone() for part in (scales, 1.6 * stage.bias, bends, stage.rate * stage.weight)]

    before = effective()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.0025, eps=1e-30)
    numbers = torch.randn(4, 3)
    numbers[0] = torch.nan  # the indicators are 0 elsewhere, and their scales have no gradient
    encoder({SINGLE: numbers}).square().sum().backward()
    optimizer.step()
    rates = (0.04 * 6, 0.04 * 0.1, 0.04 * 0.1, 0.04 / math.sqrt(3 * 5))
    for old, new, rate in zip(before, effective(), rates, strict=True):
        torch.testing.assert_close((new - old).abs(), torch.full_like(old, rate), rtol=1e-2, atol=1e-5)


def test_a_missing_number_says_so_and_reaches_no_gradient() -> None:
    encoder = RealMLP(TABLE, [8], values=3, dropout=0.0)
    encoder(INPUTS).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    known = {**INPUTS, "numbers": INPUTS["numbers"].nan_to_num(0.0)}
    same = torch.isclose(encoder(INPUTS), encoder(known)).all(1)
    assert same.tolist() == [False, True]


def test_sizes_below_one_are_refused() -> None:
    for options in ({"waves": 0}, {"number": 1}, {"embedding": 0}):
        with pytest.raises(InputError, match="encoder"):
            RealMLP(TABLE, [8], **options)
    with pytest.raises(InputError, match=r"encoder=realmlp reads numbers \(F,\) and categories \(C,\)"):
        RealMLP({"tokens": (None,)}, [8])
