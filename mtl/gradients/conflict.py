"""How much task gradients agree or conflict, from their Gramian."""

from typing import NamedTuple

import torch
from torch import Tensor


class PairSummary(NamedTuple):
    """What the gradients of several tasks say over all pairs of tasks.

    Attributes:
        conflict: share of pairs whose gradients conflict (negative cosine).
        magnitude_similarity: mean of ``2 |a| |b| / (|a|^2 + |b|^2)``, which is 1 for gradients of one length. Source:
            Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, https://arxiv.org/abs/2001.06782.
    """

    conflict: float
    magnitude_similarity: float


def norms_and_cosines(gramian: Tensor) -> tuple[Tensor, Tensor]:
    """Norms ``[M]`` and cosines ``[M, M]`` of task gradients.

    Args:
        gramian: ``[M, M]``.

    Returns:
        Both; a zero gradient has cosine 0 with every other, and with itself.
    """
    norms = gramian.diagonal().clamp(min=0).sqrt()
    products = torch.outer(norms, norms)
    return norms, torch.where(products > 0, gramian / products, torch.zeros_like(gramian))


def summarise_pairs(norms: Tensor, cosines: Tensor) -> PairSummary:
    """The share of pairs of tasks in conflict, and the mean magnitude similarity.

    Args:
        norms: ``[M]``, with M of at least 2.
        cosines: ``[M, M]``.

    Returns:
        Means over the ``M (M - 1) / 2`` pairs; a pair of zero gradients is of one length and does not conflict.
    """
    first, second = torch.triu_indices(len(norms), len(norms), 1)
    squares = norms[first].square() + norms[second].square()
    similarity = torch.where(squares > 0, 2 * norms[first] * norms[second] / squares, torch.ones_like(squares))
    return PairSummary(float((cosines[first, second] < 0).float().mean()), float(similarity.mean()))
