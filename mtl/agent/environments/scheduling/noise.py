"""Counter-based Gumbel noise: a number depends only on (seed, sample, step, column)."""

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed number
_FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
_SECOND = -7723592293110705685  # 0x94D049BB133111EB


def _shift(x: Tensor, bits: int) -> Tensor:
    """Unsigned shift to the right."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def splitmix64(x: Tensor) -> Tensor:
    """The output function of SplitMix64: integers to integers, products wrapping around at 64 bits.

    Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
    https://doi.org/10.1145/2660193.2660195.

    Args:
        x: integers, of any shape.

    Returns:
        Integers of the same shape.
    """
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def gumbel(seed: int, sample: Tensor, step: Tensor, width: int) -> Tensor:
    """Standard Gumbel noise: adding it to logits and taking the largest draws from their softmax.

    A sample does not change with how many others are drawn, nor with how they are divided to fit into memory.

    Args:
        seed: of all numbers.
        sample: of each row, ``[N]`` integers.
        step: of each row, ``[N]`` integers.
        width: columns.

    Returns:
        ``[N, width]``.
    """
    keys = torch.full_like(sample, seed)
    for part in (sample, step):
        keys = splitmix64((keys + part + 1) * _GOLDEN)
    bits = splitmix64((keys[:, None] + torch.arange(1, width + 1)) * _GOLDEN)  # [N, width]
    uniform = (_shift(bits, 40).double() + 0.5) / 2**24
    return -(-uniform.log()).log().float()
