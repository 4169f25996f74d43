"""Numbers as vectors, by a piecewise-linear curve of each column."""

import math

import torch
from torch import Tensor, nn

from mtl.config.numbers import check_number


class PiecewiseLinear(nn.Module):
    """Each number as a learned vector that changes linearly within each of T bins: ``[B, F] -> [B, F, E]``.

    Source: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022,
    https://arxiv.org/abs/2203.05556.

    A number x becomes ``e(x) [T]`` with ``e_t = (x - b_t) / (b_{t+1} - b_t)``, cut off below 0 except in the first bin
    and above 1 except in the last one, and then ``e(x) V_f + w_f x + c_f`` with parameters of each column f.

    Deviation: the edges ``b_1 ... b_{T-1}`` are those between T equally probable bins of a standard normal number, and
    not fitted; inputs are standardised or, better, mapped to a normal distribution (``task.numbers=quantile``), whose
    quantiles are then the bins of the paper. V begins at zero and ``w x`` carries the signal, so that training begins
    with a linear embedding.

    Args:
        columns: F.
        bins: T.
        features: E.

    Raises:
        InputError: fewer than two bins or no feature.
    """

    edges: Tensor

    def __init__(self, columns: int, bins: int, features: int) -> None:
        super().__init__()
        check_number("encoder.bins", bins, whole=True, least=2)
        check_number("encoder.embedding", features, whole=True, least=1)
        levels = torch.arange(1, bins, dtype=torch.float64) / bins
        inner = torch.special.ndtri(levels).float()
        outer = inner.new_tensor([2 * inner[0] - inner[1], 2 * inner[-1] - inner[-2]] if bins > 2 else [-1.0, 1.0])
        self.register_buffer("edges", torch.cat([outer[:1], inner, outer[1:]]), persistent=False)
        self.curves = nn.Parameter(torch.zeros(columns, bins, features))
        bound = 1 / math.sqrt(features)
        self.slope = nn.Parameter(torch.empty(columns, features).uniform_(-bound, bound))
        self.offset = nn.Parameter(torch.empty(columns, features).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        """The vectors of all columns."""
        places = (numbers.unsqueeze(-1) - self.edges[:-1]) / self.edges.diff()  # [B, F, T]
        first, inner, last = places[..., :1], places[..., 1:-1], places[..., -1:]
        pieces = torch.cat([first.clamp(max=1), inner.clamp(0, 1), last.clamp(min=0)], -1)
        curved = torch.einsum("bft,fte->bfe", pieces, self.curves)
        return curved + numbers.unsqueeze(-1) * self.slope + self.offset
