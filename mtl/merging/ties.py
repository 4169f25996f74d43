"""Of each entry the mean over the task vectors whose sign prevails, of the largest entries only."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.config.numbers import check_factor
from mtl.merging.base import ScaledMerging, TaskVectors


class Ties(ScaledMerging):
    """TIES: trim, elect sign, and merge what agrees.

    Source: Yadav et al., "TIES-Merging: Resolving Interference When Merging Models", NeurIPS 2023,
    https://arxiv.org/abs/2306.01708.

    For ``tau_k = theta_k - theta_0``, each entry p by itself:

    - trim: ``t_kp = tau_kp`` if ``|tau_kp|`` is among the ``keep P`` largest of tau_k, else 0;
    - elect: ``s_p = sign(sum_k t_kp)``;
    - merge: ``m_p`` is the mean of those ``t_kp`` that are not 0 and have the sign ``s_p``; 0 where there is none.

    ``theta = theta_0 + lambda m``, with the lambda that is best on validation.

    Deviations: where the trimmed entries add up to exactly 0 without being 0, the authors' code elects the sign that is
    the more frequent in the whole vector; here such an entry stays as it was in the start. As to heads and lambda see
    :class:`~mtl.merging.base.Merging`.

    Args:
        coefficients: the lambdas to be tried.
        keep: share of the entries of each task vector that stay, at least one; equal ones at the border all stay.
    """

    def __init__(self, coefficients: Sequence[float], keep: float = 0.2) -> None:
        super().__init__(coefficients)
        check_factor("model.merge.keep", keep, above=0, most=1)
        self.keep = keep

    @override
    def direction(self, vectors: TaskVectors) -> Tensor:
        entries = vectors.differences
        kept = max(1, round(self.keep * entries.shape[1]))
        smallest = entries.abs().topk(kept, dim=1).values[:, -1:]  # [K, 1]
        trimmed = torch.where(entries.abs() >= smallest, entries, 0.0)
        agrees = (trimmed.sign() == trimmed.sum(0).sign()) & (trimmed != 0)
        return torch.where(agrees, trimmed, 0.0).sum(0) / agrees.sum(0).clamp(min=1)
