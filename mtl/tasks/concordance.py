"""Harrell's concordance of predicted and true times, of which some are right-censored."""

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import override

from mtl.tasks.influence import ClosedForm, closed_form, given_or_ones, measures_as


class Concordance(Metric):
    """Share of the comparable pairs of rows in which the predicted times are ordered as the true ones, ties half.

    ``update(times [B], target [B, 2])``, the target a time and whether the event came. A pair is comparable if the
    event of the one came before the time of the other, or at this time, if the other one was then still without it.

    Source: Harrell, Califf, Pryor, Lee, Rosati, "Evaluating the Yield of Medical Tests", JAMA 1982,
    https://doi.org/10.1001/jama.1982.03320430047030.

    What is kept is no state of torchmetrics: see :class:`~mtl.tasks.weighted.WeightedMetric`.
    """

    full_state_update = False
    higher_is_better = True

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Tensor] = []

    @override
    def update(self, times: Tensor, target: Tensor) -> None:
        self._kept.append(as_triples(times, target).cpu())

    @override
    def compute(self) -> Tensor:
        return concordance_contributions(torch.cat(self._kept)).mean()

    @override
    def reset(self) -> None:
        super().reset()
        self._kept = []


def as_triples(times: Tensor, target: Tensor) -> Tensor:
    """Predicted time, true time, and whether the event came, ``[B, 3]``."""
    return torch.cat([times.double()[:, None], target.double()], 1)


def concordance_contributions(rows: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of a ratio ``C = N / D`` of sums over pairs: ``C + m v_r (dN/dv_r - C dD/dv_r) / D``, v the weights.

    The derivative of a sum over pairs is the row's share in it: all pairs that the row is in.

    Args:
        rows: as of :func:`as_triples`, ``[m, 3]``.
        weights: of the rows; None: 1 each.

    Returns:
        ``[m]``; NaN where no pair is comparable.
    """
    predicted, time, event = rows.unbind(1)
    each, came = given_or_ones(weights, len(rows)), event > 0
    # At one time, events come before what is censored: with an event are compared all rows behind those like it
    key = 2 * dense_ranks(time) + (~came).long()
    rank = dense_ranks(predicted)
    ordered, order = key.sort()
    pairs, right = torch.zeros_like(each), torch.zeros_like(each)
    begins = torch.searchsorted(ordered, key[came], right=True)
    total, above, alike = suffix_sums(rank[order], each[order], begins, rank[came])
    pairs[came] += total
    right[came] += above + alike / 2
    # The other way round: of each row the events that begin at or before its place, which in falling order are the last
    falling, by_begin = begins.sort(descending=True)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    first = torch.searchsorted(-falling, -place)
    total, above, alike = suffix_sums(rank[came][by_begin], each[came][by_begin], first, rank)
    pairs += total
    right += total - above - alike / 2
    share = (each * right).sum() / (each * pairs).sum()
    return share + len(rows) * each * (right - share * pairs) / ((each * pairs).sum() / 2)


def dense_ranks(values: Tensor) -> Tensor:
    """The place of each value among the distinct ones, from 0 on, ``[m]`` integer."""
    return torch.from_numpy(np.unique(values.numpy(), return_inverse=True)[1]).long()


def suffix_sums(ranks: Tensor, weights: Tensor, begins: Tensor, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of weights over the rows from a place on, all in ``O((n + q) log(n)^2)``.

    The rows from a place on are a few blocks whose lengths are powers of two; the rows of all blocks of one length are
    sorted by rank at once.

    Args:
        ranks: whole numbers of 0 or more of n rows, in their order, ``[n]``.
        weights: ``[n]``.
        begins: the place, 0 to n, of q questions, ``[q]``.
        asked: the rank that a question compares with, ``[q]``.

    Returns:
        ``[q]`` each: of all these rows, of those of higher rank, of those of this rank.
    """
    places = torch.arange(1, len(ranks) + 1)  # from 1 on, so that every place has a last bit
    width = max(_largest(ranks), _largest(asked)) + 1
    at = begins + 1
    total, above, alike = (torch.zeros(len(begins), dtype=torch.float64) for _ in range(3))
    for level in range(len(ranks).bit_length()):
        uses = (at >> level) & 1 == 1
        keys, order = ((places >> level) * width + ranks).sort()
        below = torch.cat([weights.new_zeros(1), weights[order].cumsum(0)])
        block = (at[uses] >> level) * width
        begin, end = (below[torch.searchsorted(keys, block + shift)] for shift in (0, width))
        lower, upper = (below[torch.searchsorted(keys, block + asked[uses], right=right)] for right in (False, True))
        total[uses] += end - begin
        above[uses] += end - upper
        alike[uses] += upper - lower
        at = torch.where(uses, at + (1 << level), at)
    return total, above, alike


def _largest(values: Tensor) -> int:
    return int(values.max()) if len(values) else 0


@closed_form.register
def of_concordance(metric: Concordance) -> ClosedForm | None:
    """Of Harrell's concordance."""
    if not measures_as(metric, Concordance):
        return None
    return ClosedForm(as_triples, concordance_contributions, flat=False)
