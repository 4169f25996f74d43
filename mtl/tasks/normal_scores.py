"""Numbers as levels of a normal distribution, by the quantiles of the training labels."""

from collections.abc import Sequence

import torch
from torch import Tensor

LEVEL = 1e-3  # nearer to 0 or 1 is no level of a label


class NormalScores:
    """Normal scores of labels, and labels from them.

    With quantiles ``q_1 <= ... <= q_K`` of the training labels at even levels from 0 to 1, a label ``y`` has the level
    ``u = 1 / (K - 1) sum_k clamp((y - q_k) / (q_(k+1) - q_k), 0, 1)``: linear between quantiles, and the middle of its
    levels for a value that fills several. The score is ``ndtri(u)``, with ``u`` between 0.001 and 0.999, so that labels
    outside of the training range count as its ends, and no score means a value outside of it.

    Args:
        knots: the quantiles.
    """

    def __init__(self, knots: Sequence[float]) -> None:
        self.knots = tuple(knots)

    def encode(self, labels: Tensor) -> Tensor:
        """Labels ``[...]`` to scores, NaN where there is no label."""
        knots = labels.new_tensor(self.knots)
        low, width = knots[:-1], knots.diff()
        above = labels[..., None] - low  # [..., K - 1]
        filled = (above.sign() + 1) / 2  # of a value that fills the levels between two quantiles
        shares = torch.where(width > 0, (above / width.clamp(min=torch.finfo(width.dtype).tiny)).clamp(0, 1), filled)
        found: Tensor = torch.special.ndtri(shares.mean(-1).clamp(LEVEL, 1 - LEVEL))
        return found

    def decode(self, scores: Tensor) -> Tensor:
        """Scores ``[...]`` to labels."""
        knots = scores.new_tensor(self.knots)
        place = torch.special.ndtr(scores) * (len(self.knots) - 1)
        left = place.floor().clamp(0, len(self.knots) - 2).long()
        return torch.lerp(knots[left], knots[left + 1], place - left)
