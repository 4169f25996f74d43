"""Numbers as vectors, by waves of each column."""

import math

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.config.numbers import check_number


class Periodic(nn.Module):
    """Each number beside a linear layer of W waves of it: ``[B, F] -> [B, F, E]``.

    Source: Holzmueller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
    Data", NeurIPS 2024, https://arxiv.org/abs/2407.04491 (PBLD), after the periodic embeddings of Gorishniy, Rubachev,
    Babenko, NeurIPS 2022, https://arxiv.org/abs/2203.05556.

    A number x of column f becomes ``(x, cos(2 pi w_f x + b_f) V_f + c_f)`` with w and b ``[W]``, V ``[W, E - 1]`` and c
    ``[E - 1]`` of each column. At first w is drawn from a normal distribution of standard deviation 0.1, b evenly from
    -pi to pi, V and c evenly from ``-1/sqrt(W)`` to ``1/sqrt(W)``.

    Args:
        columns: F.
        waves: W.
        features: E.

    Raises:
        InputError: no wave, or fewer than two features.
    """

    def __init__(self, columns: int, waves: int, features: int) -> None:
        super().__init__()
        check_number("encoder.waves", waves, whole=True, least=1)
        check_number("encoder.number", features, whole=True, least=2)
        bound = 1 / math.sqrt(waves)
        self.frequency = Parameter(torch.randn(columns, waves) * 0.1)
        self.phase = Parameter(torch.empty(columns, waves).uniform_(-math.pi, math.pi))
        self.mix = Parameter(torch.empty(columns, waves, features - 1).uniform_(-bound, bound))
        self.offset = Parameter(torch.empty(columns, features - 1).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        """The vectors of all columns."""
        waves = torch.cos(2 * math.pi * numbers.unsqueeze(-1) * self.frequency + self.phase)  # [B, F, W]
        mixed = torch.einsum("bfw,fwe->bfe", waves, self.mix) + self.offset
        return torch.cat([numbers.unsqueeze(-1), mixed], -1)
