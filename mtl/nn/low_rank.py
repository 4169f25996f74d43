"""Matrices of low rank, which change a weight matrix at little cost."""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import Parameter


class LowRank(nn.Module):
    """A matrix of low rank, at first zero: ``U D`` with ``U [out, r] = 0``, ``D [r, in]`` random."""

    def __init__(self, out_features: int, in_features: int, rank: int) -> None:
        super().__init__()
        self.down = Parameter(torch.randn(rank, in_features) / sqrt(in_features))
        self.up = Parameter(torch.zeros(out_features, rank))

    def forward(self) -> Tensor:
        """The matrix, ``[out, in]``."""
        return self.up @ self.down


def weight_matrices(module: nn.Module) -> dict[str, tuple[int, int]]:
    """Rows and columns of every weight matrix of a module, by the name of the parameter.

    Any parameter of two or more axes is a weight matrix, its further axes (of a convolution) flattened.
    """
    return {key: (len(p), p[0].numel()) for key, p in module.named_parameters() if p.dim() >= 2}
