"""How good predicted probabilities are, measured by logits, which tell apart what is 1 to the last digit."""

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from mtl.tasks.metrics import MeanOverRows, wide

LARGEST = 1e30


def ranked(logit: Tensor) -> Tensor:
    """Logits in (0, 1), in their order and with 0 at 1/2, ``(1 + z / (1 + |z|)) / 2`` in double precision.

    The sigmoid of single precision is 1 from 17 on, that of double precision from 37 on. These values are no
    probabilities; AUROC and accuracy at 1/2 are those of the probabilities.
    """
    finite = wide(logit).clamp(min=-LARGEST, max=LARGEST)  # infinity over infinity is no number
    return (1 + finite / (1 + finite.abs())) / 2


def unranked(scores: Tensor) -> Tensor:
    """The logits whose :func:`ranked` values these are."""
    centred = 2 * scores - 1
    return centred / (1 - centred.abs())


class BinaryLogLoss(MeanOverRows):
    """Mean of ``-log p`` of what came, yes or no; lower is better. ``update(ranked logits [B], target [B])``."""

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        logit = unranked(scores)
        return functional.binary_cross_entropy_with_logits(logit, target.to(logit.dtype), reduction="none")


class BinaryBrier(MeanOverRows):
    """Mean of ``(p - y)^2``, y 1 for yes and 0 for no; lower is better. ``update(ranked logits [B], target [B])``.

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 1950,
    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2. Deviation: there it is summed over yes and no,
    which doubles it; half of it is what most libraries give.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return (unranked(scores).sigmoid() - target).square()


class LogLoss(MeanOverRows):
    """Mean of ``-log p`` of the true class; lower is better. ``update(log-probabilities [B, C], target [B])``."""

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        return -scores.gather(-1, target.long().unsqueeze(-1)).squeeze(-1)


class Brier(MeanOverRows):
    """Mean of ``sum_c (p_c - y_c)^2``, y 1 for the class that it was and 0 for the others; lower is better.

    ``update(log-probabilities [B, C], target [B])``. Source: see :class:`BinaryBrier`.
    """

    higher_is_better = False

    @override
    def values(self, scores: Tensor, target: Tensor) -> Tensor:
        true = functional.one_hot(target.long(), scores.shape[-1])
        return (scores.exp() - true).square().sum(-1)


def log_probabilities(logits: Tensor) -> Tensor:
    """Logits of classes ``[..., C]`` as logarithms of their probabilities, in double precision."""
    return torch.log_softmax(wide(logits), -1)
