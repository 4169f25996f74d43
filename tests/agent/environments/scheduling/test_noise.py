"""Counter-based Gumbel noise."""

import math

import pytest
import torch

from mtl.agent.environments.scheduling.noise import gumbel, splitmix64


def test_integers_are_mixed_by_splitmix64() -> None:
    """The first outputs of the published generator from seed 0, which mixes multiples of the golden ratio."""
    golden = -7046029254386353131
    found = splitmix64(torch.tensor([1, 2]) * golden).tolist()
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    assert [value % 2**64 for value in found] == expected


def test_a_number_depends_on_seed_sample_step_and_column_only() -> None:
    samples, steps = torch.arange(20), torch.arange(20) % 7
    whole = gumbel(5, samples, steps, 9)
    part = gumbel(5, samples[11:13], steps[11:13], 4)
    assert torch.equal(whole[11:13, :4], part)


@pytest.mark.parametrize("change", ["seed", "sample", "step"])
def test_a_number_depends_on_each_of_them(change: str) -> None:
    one, zero = torch.ones(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)
    base = gumbel(0, zero, zero, 8)
    other = gumbel(int(change == "seed"), one if change == "sample" else zero, one if change == "step" else zero, 8)
    assert not torch.isclose(base, other).any()


def test_the_noise_has_the_moments_of_a_gumbel_distribution() -> None:
    """Mean Euler's constant, variance pi^2 / 6, rows and columns uncorrelated."""
    noise = gumbel(1, torch.arange(4000), torch.zeros(4000, dtype=torch.long), 50).double()
    assert noise.mean() == pytest.approx(0.5772, abs=0.01)
    assert noise.var() == pytest.approx(math.pi**2 / 6, abs=0.03)
    correlation = torch.corrcoef(noise.T) - torch.eye(50)
    assert correlation.abs().max() < 5 / math.sqrt(4000)


def test_largest_of_logits_and_noise_is_a_draw_from_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0])
    picks = (logits + gumbel(0, torch.arange(20000), torch.zeros(20000, dtype=torch.long), 3)).argmax(1)
    shares = picks.bincount(minlength=3) / 20000
    assert torch.allclose(shares, logits.softmax(0), atol=0.015)
