"""Which task limits the outcome: where a head's error is large, is the outcome poor?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit
from scipy.stats import rankdata

from mtl.agent.analysis.resampling import Numbers, percentile_interval, resampled, sums_by_group

FEWEST = 8  # instances below which no association is looked at
_ALMOST_ONE = 1.0 - 1e-9  # a correlation whose transform is still a number


@dataclass(frozen=True)
class Association:
    """How the error of one head goes with the outcome, over instances.

    Attributes:
        task: of the head.
        correlation: rank correlation of its loss with how poor the outcome is, -1 to 1.
        low: lower end of its interval.
        high: upper end.
        instances: how many.
    """

    task: str
    correlation: float
    low: float
    high: float
    instances: int

    @property
    def limits(self) -> bool:
        """Whether the interval says that the outcome is poorer where this head errs more."""
        return self.low > 0.0


def associations(
    losses: Mapping[str, Numbers], outcome: Numbers, groups: np.ndarray | None, alpha: float
) -> list[Association]:
    """Spearman's rank correlation of each head's loss with the outcome, with its interval.

    The intervals of all tasks hold together in a share ``1 - alpha`` of the times (Bonferroni). An association is no
    cause: instances that are hard for a head may be hard for other reasons.

    Args:
        losses: by task, of each instance ``[N]``; NaN: it has no label.
        outcome: of each instance, ``[N]``, lower being better; NaN: the agent did not act on it.
        groups: number of each instance's group, ``[N]``; None: no instance depends on another.
        alpha: share of the times that any of the intervals misses.

    Returns:
        An association for each task with enough instances of which both are known and that differ.
    """
    found = []
    for task, values in losses.items():
        known = np.isfinite(values) & np.isfinite(outcome)
        numbers = np.arange(len(values)) if groups is None else groups
        _, numbers = np.unique(numbers[known], return_inverse=True)
        a, b = rankdata(values[known]), rankdata(outcome[known])
        if len(a) == 0 or len(set(numbers)) < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
            continue
        sums = sums_by_group(np.stack([np.ones(len(a)), a, b, a * a, b * b, a * b]), numbers)
        correlation = float(_correlations(sums.sum(1)[None])[0])
        drawn = _correlations(resampled(sums))
        low, high = correlation_interval(correlation, drawn, sums.shape[1], alpha / len(losses))
        found.append(Association(task, correlation, low, high, len(a)))
    return found


def correlation_interval(correlation: float, drawn: Numbers, groups: int, alpha: float) -> tuple[float, float]:
    """The interval of a correlation whose groups of rows were drawn again.

    It is no narrower than ``tanh(z +- t s)``, with Fisher's transform ``z = atanh r``, the standard deviation s of the
    drawn ones, ``sqrt((1 + r^2 / 2) / (G - 3))`` at least (Bonett and Wright, Psychometrika 65, 2000,
    https://doi.org/10.1007/BF02294183), and Student's quantile t with G - 2 degrees of freedom: the middle share of the
    draws alone missed twice to four times as often as stated, with 8 to 40 instances.

    Of a correlation of exactly 1 or -1 all draws are the same. A group that breaks the order with probability q is not
    seen in G groups with probability ``(1 - q)^G``, and one that breaks it turns what is correlated round: then the
    correlation is ``1 - 2 q``. So one end is ``2 (alpha / 2)^(1 / G) - 1``.

    Args:
        correlation: r.
        drawn: the correlation in each draw, NaN where it is not defined.
        groups: G, of rows.
        alpha: share of the intervals that may miss.

    Returns:
        Both ends; NaN without draws.
    """
    low, high = percentile_interval(drawn, alpha)
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return low, high
    if abs(correlation) >= _ALMOST_ONE:
        least = 2 * (alpha / 2) ** (1 / groups) - 1
        return (least, 1.0) if correlation > 0 else (-1.0, -least)
    center, every = (np.arctanh(np.clip(values, -_ALMOST_ONE, _ALMOST_ONE)) for values in (correlation, known))
    spread = max(float(every.var()) * groups / (groups - 1), (1 + correlation**2 / 2) / (groups - 3))
    half = float(stdtrit(groups - 2, 1 - alpha / 2)) * spread**0.5
    return min(low, float(np.tanh(center - half))), max(high, float(np.tanh(center + half)))


def _correlations(sums: Numbers) -> Numbers:
    """Correlations from sums of 1, a, b, a a, b b and a b, ``[draws, 6] -> [draws]``."""
    a, b, aa, bb, ab = (sums[:, 1:] / sums[:, :1]).T
    spread = (aa - a * a) * (bb - b * b)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0, (ab - a * b) / np.sqrt(spread), np.nan), dtype=np.float64)
