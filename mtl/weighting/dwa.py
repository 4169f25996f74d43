"""Weights from how fast each loss fell over the last epochs."""

import torch
from torch import Tensor
from typing_extensions import override

from mtl.weighting.base import LossWeighting, check_number

LEAST = 1e-6  # temperature, below which rounding errors of equal rates decide


class DWA(LossWeighting):
    """Dynamic weight average: tasks whose loss falls slowly get more weight.

    Source: Liu, Johns, Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019,
    https://arxiv.org/abs/1803.10704.

    ``lambda_i(t) = K softmax_i(r_i / T)``, ``r_i = L_i(t-1) / L_i(t-2)``, with the mean training losses of the last two
    epochs; 1 for every task before two epochs have passed. Heads get the weighted gradient.

    Deviation: a task without labels in one of the two epochs, or with a mean loss below 0 or not finite, counts as
    standing still, ``r_i = 1``; among the M tasks present in a step the weights sum to M.

    Args:
        num_tasks: K.
        temperature: T, above 0; large values make the weights equal.
        normalise: see :class:`~mtl.weighting.base.Weighting`.
    """

    linear = True
    history: Tensor

    def __init__(self, num_tasks: int, temperature: float = 2.0, normalise: str = "none") -> None:
        super().__init__(num_tasks, normalise)
        check_number("temperature", temperature, least=LEAST)
        self.temperature = temperature
        self.register_buffer("history", torch.full((2, num_tasks), torch.nan))  # older, newer

    @override
    def on_epoch_end(self, losses: Tensor) -> None:
        """Remember the epoch's mean losses."""
        newer = self._of_every_task(losses, "on_epoch_end").to(self.history)
        self.history.copy_(torch.stack([self.history[1], newer]))

    @override
    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        older, newer = self.history[:, tasks]
        # NaN, where there were no labels, is not above 0 either
        known = (older > 0) & (newer >= 0) & older.isfinite() & newer.isfinite()
        rate = torch.where(known, newer / older, torch.ones_like(newer))
        weights = len(tasks) * torch.softmax(rate / self.temperature, 0)
        return (weights * losses).sum()
